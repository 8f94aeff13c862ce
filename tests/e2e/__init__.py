"""Tests against real servers of this project that talk HTTP to each other."""
