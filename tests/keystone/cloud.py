"""What an administrator of Keystone sets up there: projects, roles, users, and where services are."""

from __future__ import annotations

import itertools
import time
from typing import Any

import requests

from dcapi.lab.polling import wait_until
from tests.keystone.server import ADMIN_PASSWORD, SITE_URL

Json = dict[str, Any]

# Service type → (region, path of its endpoint).
ENDPOINTS = {"dcmanager": ("SystemController", "/v1.0"), "platform": ("RegionOne", "/v1")}

# Roles that Keystone's own setup does not make.
ROLES = ("configurator", "operator", "visitor")
PROJECTS = ("services", "another")
DOMAIN = {"name": "Default"}

PASSWORD = "Weather*cock4"


def login(user: str, password: str, scope: Json | None = None) -> Json:
    """The body of a login by password; without a scope the token is for nothing in particular."""
    identity = {
        "methods": ["password"],
        "password": {"user": {"name": user, "domain": DOMAIN, "password": password}},
    }
    return {"auth": {"identity": identity, "scope": scope or "unscoped"}}


def project(name: str, domain: str = "Default") -> Json:
    return {"project": {"name": name, "domain": {"name": domain}}}


class Cloud:
    """Calls Keystone's API at ``url`` as its administrator."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = itertools.count()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["X-Auth-Token"] = self.token("admin", ADMIN_PASSWORD)

    def set_up(self) -> None:
        """Make roles, projects, and the entries of the catalogue."""
        for name in ROLES:
            self.make("roles", "role", {"name": name})
        for name in PROJECTS:
            self.make("projects", "project", {"name": name, "domain_id": "default"})
        self.make("regions", "region", {"id": "SystemController"})
        for kind, (region, path) in ENDPOINTS.items():
            service = self.make("services", "service", {"type": kind, "name": kind})
            endpoint = {"service_id": service["id"], "interface": "public", "region_id": region}
            self.make("endpoints", "endpoint", {**endpoint, "url": SITE_URL + path})

    def call(
        self, method: str, path: str, body: Json | None = None, headers: dict[str, str] | None = None
    ) -> Json:
        answer = self._session.request(method, f"{self.url}/{path}", json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        return dict(answer.json()) if answer.content else {}

    def make(self, path: str, kind: str, fields: Json) -> Json:
        return dict(self.call("POST", path, {kind: fields})[kind])

    def find(self, path: str, name: str) -> str:
        """The id of a thing of this name, in the domain Default if it is in any."""
        where = "" if path == "roles" else "&domain_id=default"
        (found,) = self.call("GET", f"{path}?name={name}{where}")[path]
        return str(found["id"])

    def user(self, role: str | None, project_name: str = "admin", name: str = "") -> str:
        """A new user with one role in a project; returns its name. Its password is PASSWORD."""
        name = name or f"{role}-{next(self._numbers)}"
        made = self.make("users", "user", {"name": name, "password": PASSWORD, "domain_id": "default"})
        if role is not None:
            self.grant(made["id"], role, f"projects/{self.find('projects', project_name)}")
        return name

    def grant(self, user_id: str, role: str, where: str) -> None:
        """Give a role; ``where``: "projects/…", "domains/…" or "system"."""
        self.call("PUT", f"{where}/users/{user_id}/roles/{self.find('roles', role)}")

    def token(self, user: str, password: str = PASSWORD, scope: Json | None = None) -> str:
        """A token of this user for the project admin, or for what ``scope`` says."""
        body = login(user, password, project("admin") if scope is None else scope)
        answer = requests.post(f"{self.url}/auth/tokens", json=body, timeout=30)
        answer.raise_for_status()
        return answer.headers["X-Subject-Token"]

    def end_tokens(self, user: str) -> None:
        """End all tokens that this user has; it can log in again."""
        where = f"users/{self.find('users', user)}"
        self.call("PATCH", where, {"user": {"enabled": False}})
        ended = time.time()
        # Keystone tells tokens before the end from those after it by whole seconds.
        wait_until("the next second but one", lambda: time.time() > ended + 2)
        self.call("PATCH", where, {"user": {"enabled": True}})

    def revoke(self, token: str) -> None:
        self.call("DELETE", "auth/tokens", headers={"X-Subject-Token": token})

    def token_of_application(self, user: str, password: str, access_rules: list[Json] | None) -> str:
        """A token by an application credential of this user, good for some calls only if there are rules."""
        own = requests.Session()
        own.headers["X-Auth-Token"] = self.token(user, password)
        fields: Json = {"name": f"application-{next(self._numbers)}"}
        if access_rules is not None:
            fields["access_rules"] = access_rules
        where = f"{self.url}/users/{self.find('users', user)}/application_credentials"
        answer = own.post(where, json={"application_credential": fields}, timeout=30)
        answer.raise_for_status()
        made = answer.json()["application_credential"]
        own.close()
        by_application = {
            "methods": ["application_credential"],
            "application_credential": {"id": made["id"], "secret": made["secret"]},
        }
        answer = requests.post(
            f"{self.url}/auth/tokens", json={"auth": {"identity": by_application}}, timeout=30
        )
        answer.raise_for_status()
        return answer.headers["X-Subject-Token"]
