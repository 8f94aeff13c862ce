"""The application with one more view, which fails, for tests of what is logged then."""

from __future__ import annotations

from typing import NoReturn

from dcapi import create_app
from dcapi.auth.policy import public

# What somebody might put into an error so that the log seems to say something else.
FORGED = 'x\r\n{"level": "INFO", "message": "all is well"}\u2028\ud800'

app = create_app()


@app.post("/v1.0/failing/<reference>")
@public
def fail(reference: str) -> NoReturn:
    raise ValueError(f"{reference} {FORGED}")
