"""What a busy site has to bear, measured against limits: ``python -m tests.load``."""
