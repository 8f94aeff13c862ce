"""The sync model: status table, plan, run, and what keeps all of it true."""
