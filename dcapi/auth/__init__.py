"""Who is calling, and may they: strategies that turn a token into a caller, and the rules that judge them."""
