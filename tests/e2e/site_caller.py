"""Calls a site from an address of this machine that the test chooses."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

from dcapi.lab.operator import password_authentication
from dcapi.lab.site import LabSite


class SiteCaller:
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
