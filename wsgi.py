"""Where gunicorn, the flask command and tests enter: the application of the site that DCAPI_* describes."""

from __future__ import annotations

from dcapi import create_app

app = create_app()
