"""What may be done: one module a resource, with its rules and its transaction."""
