"""Long work that goes on in steps, and the leases that it is done under."""
