"""Everything that works on a subcloud: its deployment, redeployment, teardown, prestaging and network."""
