"""The contract's table of networks as data: what is wrong, what is right, and what is said."""
