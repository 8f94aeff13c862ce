"""Clients that read and write without a pause, and remember what was acknowledged."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import requests

from tests.load.verdicts import Answer, Tally

API = "/v1.0"
WRITES = 0.2
# Seconds after which a client gives a request up: far beyond the limit, so that it is seen.
PATIENCE = 30.0


class Client(threading.Thread):
    """One of many that call a site side by side; only it writes the subclouds that are its own."""

    def __init__(
        self, url: str, token: str, subclouds: list[int], number: int, ending: threading.Event
    ) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self.tally = Tally()
        self._url = url
        self._own = subclouds
        self._chance = random.Random(number)
        self._ending = ending
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({"X-Auth-Token": token, "Accept": "application/json"})
        self._writes = 0

    def run(self) -> None:
        while not self._ending.is_set():
            step = self._write if self._chance.random() < WRITES else self._read
            try:
                step()
            except requests.RequestException as error:
                if not self._ending.is_set():
                    self.tally.unanswered.append(f"{type(error).__name__}: {error}")
                time.sleep(0.05)
        self._session.close()

    def _read(self) -> None:
        subcloud = self._chance.choice(self._own)
        paths = (
            "/subclouds",
            f"/subclouds/{subcloud}",
            f"/subclouds/{subcloud}/detail",
            "/subcloud-peer-groups/1/subclouds",
            "/subcloud-peer-groups",
            "/peer-group-associations",
            "/peer-group-associations/1",
            "/system-peers",
            "/subcloud-groups",
        )
        path = self._chance.choice(paths)
        self._timed("GET", path, path.replace(f"/{subcloud}", "/ID"))

    def _write(self) -> None:
        writes: tuple[Callable[[], None], ...] = (self._change_subcloud,) * 8 + (self._sync, self._tune_peer)
        self._chance.choice(writes)()

    def _change_subcloud(self) -> None:
        subcloud = self._chance.choice(self._own)
        self._writes += 1
        location = f"{self.name} {self._writes}"
        self.tally.tried.setdefault(subcloud, []).append(location)
        parts = {"location": (None, location)}
        if self._timed("PATCH", f"/subclouds/{subcloud}", "/subclouds/ID", files=parts) == 200:
            self.tally.acknowledged[subcloud] = location
            self.tally.tried[subcloud] = []

    def _sync(self) -> None:
        number = self._chance.randint(1, 3)
        self._timed(
            "PATCH", f"/peer-group-associations/{number}/sync", "/peer-group-associations/ID/sync", json={}
        )

    def _tune_peer(self) -> None:
        number = self._chance.randint(1, 3)
        body = {"heartbeat_maintenance_timeout": self._chance.randint(300, 900)}
        self._timed("PATCH", f"/system-peers/{number}", "/system-peers/ID", json=body)

    def _timed(self, method: str, path: str, shown: str, **parts: object) -> int:
        asked = time.monotonic()
        answer = self._session.request(method, f"{self._url}{API}{path}", timeout=PATIENCE, **parts)  # type: ignore[arg-type]
        self.tally.answers.append(
            Answer(
                asked,
                time.monotonic() - asked,
                f"{method} {shown}",
                answer.status_code,
                answer.text[:200] if answer.status_code >= 400 else "",
                answer.headers.get("Retry-After"),
            )
        )
        return answer.status_code
