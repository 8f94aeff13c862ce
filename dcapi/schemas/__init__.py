"""What comes in: one module a resource, in the names and with the texts of the wire contract."""
