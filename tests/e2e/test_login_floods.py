"""A site with the default settings under sixty logins a second, from anywhere and of anybody.

Seconds count here, with nothing else at work.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from dcapi.lab.operator import password_authentication
from tests.e2e.conftest import MakeSite
from tests.e2e.site_caller import SiteCaller

pytestmark = pytest.mark.skipif(
    "DCAPI_TEST_ALONE" not in os.environ, reason="seconds count here: make test-restarts plays it alone"
)

FLOOD_SECONDS = 8.0
LOGINS_PER_SECOND = 60
# Clients of the flood: enough for the rate although each waits for its answer.
FLOODERS = 60
# Seconds in which a GET is answered, and after which a site that logs in gives up.
GET_SECONDS = 1.0
LOGIN_SECONDS = 8.0

HOME = "127.0.0.1"


class Flood:
    """Logins of made-up users, each from an address of this machine that nobody else has."""

    def __init__(self, make_caller: Callable[[str], SiteCaller]) -> None:
        self.answers: Counter[int] = Counter()
        self._make_caller = make_caller
        self._lock = threading.Lock()
        self._number = 0
        self._begun = time.monotonic()

    def pour(self) -> None:
        """One client: takes the next login when it is due, until the flood is over."""
        while (number := self._next()) is not None:
            time.sleep(max(0.0, self._begun + number / LOGINS_PER_SECOND - time.monotonic()))
            caller = self._make_caller(f"127.{1 + number // 250}.{number % 250}.7")
            body = password_authentication(secrets.token_hex(8), secrets.token_hex(8))
            code, _ = caller.send("POST", "/v3/auth/tokens", body, {})
            with self._lock:
                self.answers[code] += 1

    def _next(self) -> int | None:
        with self._lock:
            self._number += 1
            return self._number if self._number <= FLOOD_SECONDS * LOGINS_PER_SECOND else None


def timed(call: Callable[[], int]) -> tuple[int, float]:
    begun = time.monotonic()
    return call(), time.monotonic() - begun


def repeated(call: Callable[[], int], pause: float) -> list[tuple[int, float]]:
    """Codes and seconds of calls, one after the other while the flood lasts."""
    end = time.monotonic() + FLOOD_SECONDS
    found = []
    while time.monotonic() < end:
        found.append(timed(call))
        time.sleep(pause)
    return found


def test_a_flood_of_logins_holds_up_no_reader_and_no_peer(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    peer = SiteCaller(site, HOME)
    token = {"X-Auth-Token": peer.token(site.admin_password)}
    with ThreadPoolExecutor(FLOODERS + 2) as pool:
        flood = Flood(lambda address: SiteCaller(site, address))
        pouring = [pool.submit(flood.pour) for _ in range(FLOODERS)]
        reading = pool.submit(repeated, lambda: peer.send("GET", "/v1.0/subclouds", None, token)[0], 0.1)
        logging_in = pool.submit(repeated, lambda: peer.log_in(site.admin_password)[0], 0.3)
        for client in pouring:
            client.result()
        reads, logins = reading.result(), logging_in.result()

    assert {code for code, _ in reads} == {200}
    assert max(seconds for _, seconds in reads) < GET_SECONDS
    assert {code for code, _ in logins} == {201}
    assert max(seconds for _, seconds in logins) < LOGIN_SECONDS
    # Some were looked at, more than could be were told to come back.
    assert set(flood.answers) == {401, 429}, flood.answers
