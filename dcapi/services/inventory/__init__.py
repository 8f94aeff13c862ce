"""A subcloud and what may be said of it: its values, networks and answers, and the rules for members."""
