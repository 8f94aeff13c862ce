"""Sites on machines in trouble: clients that are slow, disks that are full, databases that fail over."""
