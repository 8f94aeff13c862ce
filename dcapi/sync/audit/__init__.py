"""Follow who leads: read the copy of a group at its peer, and become what follows from it."""
