"""A site whose database is in trouble, and a client that counts seconds."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import requests

from dcapi.lab.members import member
from dcapi.lab.operator import Operator
from dcapi.lab.polling import wait_until
from dcapi.lab.site import LabSite

# Seconds within which every answer has to be there.
SECONDS = 10.0
# Seconds in which a site is well again.
RECOVERY_SECONDS = 20.0

# Words of a database that cannot even be read.
UNREADABLE = {"away", "replaced"}

LIST = "/v1.0/subclouds"
GROUPS = "/v1.0/subcloud-groups"


class SickSite:
    """One site, with one worker, that nobody restarts."""

    def __init__(self, folder: Path, database_uri: str, **settings: str) -> None:
        more = {"SQLALCHEMY_DATABASE_URI": database_uri, "WORKERS": "1", **settings}
        self.site = LabSite("site-a", folder, settings=more)
        self._names = itertools.count(1)
        self._headers: dict[str, str] = {"Accept": "application/json"}

    def start(self) -> None:
        self.site.start()
        with Operator(self.site.url, self.site.admin_password) as operator:
            self._headers["X-Auth-Token"] = operator.log_in()

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        """One request, answered within the seconds that there are."""
        return requests.request(
            method, self.site.url + path, json=body, headers=self._headers, timeout=(2, SECONDS)
        )

    def read(self) -> requests.Response:
        return self.ask("GET", LIST)

    def write(self) -> requests.Response:
        name = f"group-{next(self._names)}"
        body = {"name": name, "description": "d" * 200, "update_apply_type": "parallel"}
        return self.ask("POST", GROUPS, body)

    def add_subcloud(self, number: int) -> str:
        """Begin to deploy a new subcloud; returns its name."""
        new = member(number, f"edge-{number}")
        with Operator(self.site.url, self.site.admin_password) as operator:
            operator.add_subcloud(new.creation())
        return new.name

    def deploy_status(self, name: str) -> str:
        return str(self.ask("GET", f"{LIST}/{name}").json().get("deploy-status"))

    def expect_healthy(self) -> None:
        """Whatever is wrong with the database, the process lives and says so, soon."""
        assert requests.get(f"{self.site.url}/healthz", timeout=2).status_code == 200

    def expect_database(self, word: str) -> None:
        """``/readyz`` names what is wrong with the database, and nothing that would not follow from it."""
        wrong = {"database": word} | ({"migrations": "unknown"} if word in UNREADABLE else {})
        expect_readiness(self.site, requests.codes.unavailable, **wrong)

    def expect_recovery(self) -> None:
        """The same process reads and writes again."""
        wait_until("the site to read", self.read, _is_ok, within=RECOVERY_SECONDS)
        wait_until("the site to write", self.write, _is_ok, within=RECOVERY_SECONDS)


def _is_ok(answer: requests.Response) -> bool:
    assert answer.status_code in {200, 503}
    return answer.status_code == 200


def expect_refusal(answer: requests.Response, text: str) -> None:
    """503, when to try again, and what is wrong."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert text in answer.json()["description"]


def readiness(site: LabSite) -> tuple[int, dict[str, str]]:
    """The code of ``/readyz``, and the parts that are not ``ok``."""
    answer = requests.get(f"{site.url}/readyz", timeout=SECONDS)
    return answer.status_code, {part: word for part, word in answer.json()["checks"].items() if word != "ok"}


def expect_readiness(site: LabSite, code: int, **wrong: str) -> None:
    """``/readyz`` says so before long, and the process lives."""
    wait_until(
        f"/readyz to say {wrong}", lambda: readiness(site), (code, wrong).__eq__, within=RECOVERY_SECONDS
    )
    assert requests.get(f"{site.url}/healthz", timeout=2).ok
