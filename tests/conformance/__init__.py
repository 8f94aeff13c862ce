"""Requests made out of the description of the API, and every answer held against it."""
