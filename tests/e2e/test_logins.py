"""Logins at a real server with several workers: guesses count for all, tokens outlive them and a restart."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

from dcapi.lab.operator import password_authentication
from dcapi.lab.site import LabSite
from tests.e2e.conftest import MakeSite

HOME, ELSEWHERE = "127.0.0.1", "127.0.0.2"
FREE = 10


class Client:
    """Calls a site from an address of this machine, each time on a connection of its own."""

    def __init__(self, site: LabSite, address: str) -> None:
        self.where = urlsplit(site.url)
        self.address = address

    def send(
        self, method: str, path: str, body: object, headers: dict[str, str]
    ) -> tuple[int, dict[str, str]]:
        assert self.where.hostname is not None
        connection = http.client.HTTPConnection(
            self.where.hostname, self.where.port, timeout=60, source_address=(self.address, 0)
        )
        try:
            connection.request(
                method, path, json.dumps(body), {"Content-Type": "application/json", **headers}
            )
            answer = connection.getresponse()
            answer.read()
            return answer.status, dict(answer.getheaders())
        finally:
            connection.close()

    def log_in(self, password: str) -> tuple[int, dict[str, str]]:
        return self.send("POST", "/v3/auth/tokens", password_authentication("admin", password), {})

    def token(self, password: str) -> str:
        code, headers = self.log_in(password)
        assert code == 201
        return headers["X-Subject-Token"]

    def is_valid(self, token: str) -> bool:
        code, _ = self.send("GET", "/v1.0/subclouds", None, {"X-Auth-Token": token})
        assert code in (200, 401)
        return code == 200


def failures_until_a_wait(client: Client) -> int:
    """Guesses that were looked at before one was told to wait. The waits double, so that the next guess comes
    too early after few of them, however slow the machine is."""
    for failures in range(3 * FREE):
        code, headers = client.log_in("a guess")
        if code == 429:
            assert 1 <= int(headers["Retry-After"]) <= 60
            return failures
        assert code == 401
    raise AssertionError("nobody had to wait")


def test_guesses_slow_the_next_ones_at_every_worker_and_nobody_else(make_site: MakeSite) -> None:
    site = make_site({"WORKERS": "4", "THREADS": "2"})
    site.start()
    user, thief = Client(site, HOME), Client(site, ELSEWHERE)
    token = user.token(site.admin_password)

    # Were each worker to count for itself, it would take about four times as many.
    assert FREE <= failures_until_a_wait(thief) < 2 * FREE
    assert user.is_valid(token)
    assert user.log_in(site.admin_password)[0] == 201

    site.stop()
    site.start()
    assert failures_until_a_wait(thief) < FREE
    assert user.is_valid(token)
    assert user.log_in(site.admin_password)[0] == 201
