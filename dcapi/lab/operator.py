"""An operator of one site: a small client that speaks REST as the command line client does."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import requests
import yaml

API = "/v1.0"

# Resource → the key of its list in an answer.
LIST_KEYS = {
    "system-peers": "system_peers",
    "subcloud-peer-groups": "subcloud_peer_groups",
    "peer-group-associations": "peer_group_associations",
    "subclouds": "subclouds",
    "subcloud-groups": "subcloud_groups",
}

PHASES = "phased-subcloud-deploy"

# Parts of a subcloud's request that travel as files, with the name that a client gives them.
FILE_PARTS = ("bootstrap_values", "install_values", "deploy_config")

# Seconds for connecting, and for an answer beyond what a request asked to wait.
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0

Json = dict[str, Any]


class RefusedError(Exception):
    """The site answered with an error: its code and what it said."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class Operator:
    """Calls the site at ``url``, logged in with user and password; logs in again when its token has run out.

    Every call raises RefusedError for an error answer, and requests' own exceptions when there is none. One
    operator belongs to one thread.
    """

    def __init__(self, url: str, password: str, user: str = "admin", identity_url: str = "") -> None:
        """``identity_url``: where it logs in, when that is not the site itself."""
        self.url = url
        self.identity_url = identity_url or f"{url}/v3"
        self.user = user
        self.password = password
        self.last_answer: requests.Response | None = None
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json"
        # A lab talks to this machine alone, whatever proxies the environment names.
        self._session.trust_env = False

    def twin(self) -> Operator:
        """The same operator at another terminal, for another thread: logged in as this one is."""
        twin = Operator(self.url, self.password, self.user, self.identity_url)
        twin._session.headers.update(self._session.headers)
        return twin

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- One request --

    def log_in(self) -> str:
        """Get a token, keep and return it."""
        answer = self._session.post(
            f"{self.identity_url}/auth/tokens",
            json=password_authentication(self.user, self.password),
            headers={"X-Auth-Token": ""},
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
        )
        if answer.status_code != requests.codes.created:
            raise RefusedError(answer.status_code, answer.text)
        token: str = answer.headers["X-Subject-Token"]
        self._session.headers["X-Auth-Token"] = token
        return token

    def call(self, method: str, path: str, *, wait: float | None = None, **parts: Any) -> Any:
        """Send a request and return the answer's JSON; ``wait``: up to so many seconds, for the outcome."""
        if "X-Auth-Token" not in self._session.headers:
            self.log_in()
        answer = self._sent(method, path, wait, parts)
        if answer.status_code == requests.codes.unauthorized:
            self.log_in()
            answer = self._sent(method, path, wait, parts)
        self.last_answer = answer
        if not answer.ok:
            raise RefusedError(answer.status_code, _description(answer))
        return answer.json()

    def _sent(
        self, method: str, path: str, wait: float | None, parts: Mapping[str, Any]
    ) -> requests.Response:
        headers = {} if wait is None else {"Prefer": f"wait={wait:g}"}
        limit = ANSWER_SECONDS + (wait or 0)
        return self._session.request(
            method, self.url + path, headers=headers, timeout=(CONNECT_SECONDS, limit), **parts
        )

    # -- Any resource --

    def listed(self, resource: str) -> list[Json]:
        return list(self.call("GET", f"{API}/{resource}")[LIST_KEYS[resource]])

    def one(self, resource: str, reference: object) -> Json:
        return dict(self.call("GET", _path(resource, reference)))

    def find(self, resource: str, reference: object) -> Json | None:
        """One of a resource, or None where there is none."""
        try:
            return self.one(resource, reference)
        except RefusedError as error:
            if error.code == requests.codes.not_found:
                return None
            raise

    def create(self, resource: str, fields: Json, *, wait: float | None = None) -> Json:
        return dict(self.call("POST", f"{API}/{resource}/", json=fields, wait=wait))

    def update(self, resource: str, reference: object, fields: Json) -> Json:
        return dict(self.call("PATCH", _path(resource, reference), json=fields))

    def delete(self, resource: str, reference: object) -> None:
        self.call("DELETE", _path(resource, reference))

    # -- What some of them have besides --

    def site_uuid(self) -> str:
        return str(self.call("GET", "/v1/isystems")["isystems"][0]["uuid"])

    def members(self, group: object) -> list[Json]:
        """The subclouds of a peer group."""
        return list(self.call("GET", _path("subcloud-peer-groups", group) + "/subclouds")["subclouds"])

    def sync(self, association: object, *, wait: float | None = None) -> Json:
        path = _path("peer-group-associations", association) + "/sync"
        return dict(self.call("PATCH", path, json={}, wait=wait))

    def migrate(self, group: object, password: str) -> list[Json]:
        """Take a peer group over to this site; returns the members that will move."""
        path = _path("subcloud-peer-groups", group) + "/migrate"
        body = {"sysadmin_password": base64_text(password)}
        return list(self.call("PATCH", path, json=body)["subclouds"])

    def group_status(self, group: object) -> Json:
        """How many members of a peer group stand where."""
        return dict(self.call("GET", _path("subcloud-peer-groups", group) + "/status"))

    def add_subcloud(self, fields: Json, *, wait: float | None = None) -> Json:
        return dict(self.call("POST", f"{API}/subclouds/", files=multipart(fields), wait=wait))

    def update_subcloud(self, reference: object, fields: Json) -> Json:
        return dict(self.call("PATCH", _path("subclouds", reference), files=multipart(fields)))

    def create_in_phases(self, fields: Json) -> Json:
        """Create a subcloud and deploy nothing yet; returns it when its creation has ended."""
        return dict(self.call("POST", f"{API}/{PHASES}", files=multipart(fields)))

    def run_phase(self, reference: object, verb: str, fields: Json | None = None) -> Json:
        """Let what a verb stands for begin (``install``, ``abort`` and so on); returns the subcloud."""
        path = f"{_path(PHASES, reference)}/{verb}"
        return dict(self.call("PATCH", path, files=multipart(fields or {})))


def password_authentication(user: str, password: str) -> Json:
    """The body of a Keystone v3 login by password, scoped to the project admin."""
    default = {"name": "Default"}
    return {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": user, "domain": default, "password": password}},
            },
            "scope": {"project": {"name": "admin", "domain": default}},
        }
    }


def base64_text(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def multipart(fields: Json) -> list[tuple[str, tuple[str | None, str]]]:
    """A multipart body as ``requests`` takes it: values of a subcloud as YAML files, the rest as texts."""
    return [
        (name, (f"{name}.yaml", yaml.safe_dump(value, allow_unicode=True)))
        if name in FILE_PARTS
        else (name, (None, str(value)))
        for name, value in fields.items()
    ]


def _path(resource: str, reference: object) -> str:
    return f"{API}/{resource}/{quote(str(reference), safe='')}"


def _description(answer: requests.Response) -> str:
    try:
        said = answer.json()
    except ValueError:
        return answer.text
    return str(said.get("description", said)) if isinstance(said, dict) else answer.text
