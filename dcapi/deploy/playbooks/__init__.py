"""How playbooks of the operator are run: what each is told, what runs, and how it ended."""
