"""Make the copy of a group at its peer equal, tell its status there, and clean it away."""
