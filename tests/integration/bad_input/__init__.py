"""A table of malformed requests, each beside a well-formed twin."""
