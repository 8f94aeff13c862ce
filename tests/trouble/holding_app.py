"""The application with views that hold their thread until a file has gone, or have much to say."""

from __future__ import annotations

import os
from pathlib import Path

from dcapi import create_app
from dcapi.auth.policy import public
from dcapi.lab.polling import wait_until
from tests.trouble.crowd import LARGE

HELD = "/v1.0/held"
# More than a worker keeps of an answer in memory, and than the system takes off it.
LARGE_SIZE = 1_500_000
HOLD_SECONDS = 60

app = create_app()


@app.route(HELD, methods=["GET", "POST"])
@public
def hold() -> str:
    file = Path(os.environ["DCAPI_TEST_HOLD"])
    wait_until("the file to go", lambda: not file.exists(), within=HOLD_SECONDS)
    return "done"


@app.get(LARGE)
@public
def tell_much() -> bytes:
    return b"x" * LARGE_SIZE
