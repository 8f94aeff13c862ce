"""The values of members: canonical form, digest, comparison, merge, plan and ledger."""
