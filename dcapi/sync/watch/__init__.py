"""Heartbeats: which peers answer, and what their lists of groups say."""
