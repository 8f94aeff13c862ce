"""What has to be fast enough, measured against limits: ``python -m tests.bench``."""
