"""A client of a site in this process, logged in with a token as clients over HTTP are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse


def credentials(name: str, password: str) -> dict[str, Any]:
    """The body of a login."""
    user = {"name": name, "domain": {"name": "Default"}, "password": password}
    scope = {"project": {"name": "admin", "domain": {"name": "Default"}}}
    return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}


# (users of a site, name) → a token: it is good for every copy of that site, and a login is slow.
_tokens: dict[tuple[str, str], str] = {}


class SiteClient:
    """Calls paths below /v1.0; answers are werkzeug's, with ``.json`` and ``.status_code``."""

    def __init__(self, app: Flask, token: str, user_agent: str = "tests") -> None:
        self._client = app.test_client()
        self.headers = {"X-Auth-Token": token, "Accept": "application/json", "User-Agent": user_agent}

    @classmethod
    def logged_in(cls, app: Flask, name: str, password: str, user_agent: str = "tests") -> SiteClient:
        identity = Path(app.instance_path, "identity.yaml").read_text()
        if (identity, name) not in _tokens:
            answer = app.test_client().post("/v3/auth/tokens", json=credentials(name, password))
            assert answer.status_code == 201, answer.text
            _tokens[identity, name] = answer.headers["X-Subject-Token"]
        return cls(app, _tokens[identity, name], user_agent)

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {**self.headers, **options.pop("headers", {})}
        return self._client.open(f"/v1.0{path}", method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.call("POST", path, **options)

    def patch(self, path: str, **options: Any) -> TestResponse:
        return self.call("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.call("DELETE", path, **options)
