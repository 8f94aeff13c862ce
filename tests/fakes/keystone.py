"""A Keystone of a few lines: it knows the tokens that a test gives it, and fails as it is told."""

from __future__ import annotations

import contextlib
import datetime
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from dcapi.lab.ports import HOST, Port

Json = dict[str, Any]

USER, PASSWORD = "dcapi", "Drum*major7"
SERVICE_TOKEN = "service-token"
TOKENS = "/v3/auth/tokens"


class FakeKeystone:
    """Listens on a port of its own; ``tokens``: text → body of the token."""

    def __init__(self) -> None:
        self.port = Port()
        self.tokens: dict[str, Json] = {}
        self.catalogue = [_identity_service(self.port.url)]
        # What it answers in place of anything else, if not None.
        self.broken: int | None = None
        # While set, it answers nobody; ``waiting`` counts who has been kept.
        self.silent = threading.Event()
        self.waiting = threading.Semaphore(0)
        self.requests: list[tuple[str, str]] = []
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._speaks = threading.Condition()

    @property
    def url(self) -> str:
        return self.port.url

    def start(self) -> None:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections until the next start."""
        self.speak()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    def close(self) -> None:
        self.stop()
        self.port.release()

    def speak(self) -> None:
        """Be silent no more."""
        with self._speaks:
            self.silent.clear()
            self._speaks.notify_all()

    def be_silent(self) -> None:
        """Return when it is no longer silent; called by its threads."""
        with self._speaks:
            if self.silent.is_set():
                self.waiting.release()
            self._speaks.wait_for(lambda: not self.silent.is_set(), 60)

    def validations(self) -> int:
        return self.requests.count(("GET", TOKENS))

    def add(self, text: str, *roles: str, project: str | None = "admin", domain: str = "Default") -> str:
        """Know a token; returns its text."""
        body: Json = {
            **_times(),
            "methods": ["password"],
            "audit_ids": ["x"],
            "user": {"id": f"id-of-{text}", "name": f"user-of-{text}", "domain": _domain("Default")},
        }
        if project is not None:
            body["project"] = {"id": "p", "name": project, "domain": _domain(domain)}
            body["roles"] = [{"id": role, "name": role} for role in roles]
        self.tokens[text] = body
        return text

    def service_token(self) -> Json:
        """The body of the token that the site itself logs in with."""
        return {**_times(), "catalog": self.catalogue}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, keystone: FakeKeystone) -> None:
        super().__init__((HOST, keystone.port.number), _Handler)
        self.keystone = keystone


def _times() -> Json:
    now = datetime.datetime.now(datetime.UTC)
    return {
        "issued_at": now.isoformat().replace("+00:00", "Z"),
        "expires_at": (now + datetime.timedelta(hours=1)).isoformat().replace("+00:00", "Z"),
    }


def _domain(name: str) -> Json:
    return {"id": name.lower(), "name": name}


def _identity_service(url: str) -> Json:
    endpoint = {"id": "e", "interface": "internal", "region": "RegionOne", "region_id": "RegionOne"}
    return {
        "type": "identity",
        "id": "s",
        "name": "keystone",
        "endpoints": [{**endpoint, "url": f"{url}/v3"}],
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def keystone(self) -> FakeKeystone:
        assert isinstance(self.server, _Server)
        return self.server.keystone

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._note()
        if self.path.startswith(TOKENS):
            self._answer(*self._judged(self.headers["X-Subject-Token"]))
        else:
            link = {"rel": "self", "href": f"{self.keystone.url}/v3/"}
            self._answer(200, {"version": {"id": "v3.14", "status": "stable", "links": [link]}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._note()
        user = body["auth"]["identity"]["password"]["user"]
        if (user["name"], user["password"]) == (USER, PASSWORD):
            self._answer(201, {"token": self.keystone.service_token()})
        else:
            self._answer(401, {"error": {"message": "wrong password"}})

    def _judged(self, text: str) -> tuple[int, Json]:
        known = self.keystone.tokens.get(text)
        if self.headers["X-Auth-Token"] != SERVICE_TOKEN:
            return 401, {"error": {"message": "who are you?"}}
        return (200, {"token": known}) if known else (404, {"error": {"message": "no such token"}})

    def _note(self) -> None:
        self.keystone.requests.append((self.command, self.path.partition("?")[0]))
        self.keystone.be_silent()

    def _answer(self, code: int, body: Json) -> None:
        content = json.dumps(body).encode()
        self.send_response(self.keystone.broken or code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        if code == 201:
            self.send_header("X-Subject-Token", SERVICE_TOKEN)
        self.end_headers()
        with contextlib.suppress(OSError):  # who asked may have given up
            self.wfile.write(content)
