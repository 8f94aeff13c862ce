"""Where gunicorn, the flask command and tests enter: the application of the site that DCAPI_* describes."""

from __future__ import annotations

import sys

from dcapi import create_app
from dcapi.errors import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit(f"dcapi: {error}")
