"""The wire to another site: who it is, what can be asked of it, and the two errors it can raise."""
