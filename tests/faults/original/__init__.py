"""Fault runs with a stand-in of the original at the other end."""
