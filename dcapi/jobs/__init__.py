"""What runs later, bounded and one at a time for a key, and who may do it: leases, guards."""
