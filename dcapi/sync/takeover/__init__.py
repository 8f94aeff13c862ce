"""Take a group over from other sites: claim it, have its members ceded, rehome them."""
