"""Logins from many addresses, and how they are answered."""

from __future__ import annotations

import itertools
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.integration.auth.small_site import login_body

NOON = 1_800_000_000.0
HOME, AWAY, FAR = "192.0.2.1", "192.0.2.2", "192.0.2.3"
# Addresses from which several guess together.
MANY = [f"198.51.100.{number}" for number in range(1, 30)]


def log_in(
    app: Flask, password: str = "wrong", name: str = "admin", address: str = AWAY, **auth: Any
) -> TestResponse:
    return app.test_client().post(
        "/v3/auth/tokens",
        json=login_body(name, password, **auth),
        environ_overrides={"REMOTE_ADDR": address},
    )


def codes(app: Flask, times: int, *given: str) -> list[int]:
    return [log_in(app, *given).status_code for _ in range(times)]


def guess(app: Flask, addresses: list[str], times: int, name: str = "admin") -> list[int]:
    """Guesses from each of these addresses in turn, as many from all of them together."""
    turns = itertools.cycle(addresses)
    return [log_in(app, "wrong", name, next(turns)).status_code for _ in range(times)]
