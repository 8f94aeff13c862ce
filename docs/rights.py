"""Who may call what: a site is asked, call by call and caller by caller; and the policy file to start from.

The calls come from the site's own routes, the verdicts from its answers, so that nothing here is a copy.
"""

from __future__ import annotations

import logging
import re
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import Flask
from oslo_policy.policy import DocumentedRuleDefault
from werkzeug.routing import AnyConverter, Rule

from dcapi import create_app
from dcapi.api.database import db
from dcapi.auth.context import SITE_USER_AGENT
from dcapi.auth.guard import embedded_identity
from dcapi.auth.identity_file import User
from dcapi.auth.passwords import NOBODYS_HASH
from dcapi.auth.policy import Access, access_of
from dcapi.auth.rules import DEFAULTS
from dcapi.log import AUDIT_LOGGER

# Methods that Flask adds to a route by itself.
UNNAMED_METHODS = {"HEAD", "OPTIONS"}

# How a caller says that it is another site.
AS_SITE = {"User-Agent": SITE_USER_AGENT}

# What a reference is in the calls: nothing bears this name.
NOWHERE = "nothing-bears-this-name"

# Where a call has several rules, what is sent so that one of them decides, and what that is called.
PROBES: dict[str, tuple[str, dict[str, str]]] = {
    "dc_api:subclouds:modify": ("anything else", {"description": "x", "management-state": "managed"}),
    "dc_api:subclouds:manage_unmanage": (
        "only `management-state` and `force`",
        {"management-state": "managed", "force": "true"},
    ),
}


@dataclass(frozen=True)
class Kind:
    """A kind of caller; without a project it has no token."""

    title: str
    role: str | None = None
    project: str | None = None


KINDS: tuple[Kind, ...] = (
    Kind("admin", "admin", "admin"),
    Kind("configurator", "configurator", "admin"),
    Kind("operator", "operator", "services"),
    Kind("reader", "reader", "admin"),
    Kind("no role", None, "admin"),
    Kind("other project", "admin", "demo"),
    Kind("no token"),
)


@dataclass(frozen=True)
class Call:
    """A method and path, and where several rules guard it, what makes one of them decide."""

    method: str
    rule: Rule
    access: Access | None
    deciding: str | None = None

    @property
    def path(self) -> str:
        """The path with something in place of each variable."""
        values = {name: _value(converter) for name, converter in self.rule._converters.items()}
        _, path = self.rule.build(values) or ("", "")
        return path

    def ask(self, app: Flask, headers: dict[str, str]) -> int:
        """The status code of the answer to this call."""
        content: dict[str, Any] = {"data": PROBES[self.deciding][1]} if self.deciding else {}
        if self.method in ("POST", "PUT", "PATCH") and not content:
            content = {"json": {}}
        elif content:
            content["content_type"] = "multipart/form-data"
        with app.test_client().open(self.path, method=self.method, headers=headers, **content) as answer:
            return answer.status_code


def _value(converter: Any) -> str:
    return sorted(converter.items)[0] if isinstance(converter, AnyConverter) else NOWHERE


def calls(app: Flask) -> Iterator[Call]:
    """All calls that the application answers, in the order of their paths."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        for method in sorted((rule.methods or set()) - UNNAMED_METHODS):
            access = access_of(app.view_functions[rule.endpoint], method)
            if access is not None and len(access.rules) > 1:
                yield from (Call(method, rule, access, deciding) for deciding in access.rules)
            else:
                yield Call(method, rule, access)


def headers_of(app: Flask, kind: Kind) -> dict[str, str]:
    """The headers of a caller of this kind, whom the site gets to know if it does not yet."""
    if kind.project is None:
        return {}
    roles = (kind.role,) if kind.role else ()
    name = f"{kind.title} of the table"
    user = User(f"id of {name}", name, NOBODYS_HASH, roles, (kind.project,))
    with app.app_context():
        identity = embedded_identity()
        identity.users.file.write({**identity.users.file.read(), name: user})
        claims = identity.tokens.claims(name, user.fingerprint, kind.project, "password")
        return {"X-Auth-Token": identity.tokens.sign(claims)}


@dataclass(frozen=True)
class Row:
    """A call and the status codes that the kinds of callers get."""

    call: Call
    codes: tuple[int, ...]


def walk(app: Flask, saying: Mapping[str, str] | None = None) -> list[Row]:
    """Every call of the application by every kind of caller, with what they say besides."""
    headers = [{**headers_of(app, kind), **(saying or {})} for kind in KINDS]
    return [Row(call, tuple(call.ask(app, each) for each in headers)) for call in calls(app)]


HEAD = ("Method", "Path", *(kind.title for kind in KINDS))


def cells(rows: Iterable[Row]) -> list[tuple[str, ...]]:
    """The rows of the table: what each kind of caller gets from each call."""
    return [(row.call.method, _shown(row.call), *map(_verdict, row.codes)) for row in rows]


def _shown(call: Call) -> str:
    path = f"`{shown_path(call.rule.rule)}`"
    return f"{path}, {PROBES[call.deciding][0]}" if call.deciding else path


def shown_path(rule: str) -> str:
    """The path of a route with its variables in braces, and the words that a variable can be."""
    rule = re.sub(r"<any\((.*?)\):\w+>", lambda found: found[1].replace(", ", "\\|"), rule)
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


def _verdict(code: int) -> str:
    return {401: "401", 403: "403"}.get(code, "yes")


@contextmanager
def temporary_site() -> Iterator[Flask]:
    """A site with the defaults, which is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(
            {
                "INSTANCE_PATH": folder,
                "ADMIN_PASSWORD": secrets.token_urlsafe(),
                "AUTH_STRATEGY": "embedded",
                "POLICY_FILE": "",
                "SQLALCHEMY_DATABASE_URI": "",
                "JOBS_ENGINE": "inline",
                "LOG_LEVEL": "WARNING",
            }
        )
        audit = logging.getLogger(AUDIT_LOGGER)
        try:
            audit.disabled = True  # nobody did any of this
            yield app
        finally:
            audit.disabled = False
            with app.app_context():
                db.engine.dispose()


@cache
def cells_of_defaults() -> list[tuple[str, ...]]:
    """The rows of the table for a site whose rights are the defaults."""
    with temporary_site() as app:
        return cells(walk(app))


@cache
def cells_of_sites() -> list[tuple[str, ...]]:
    """The rows that differ for callers who say that they are another site."""
    with temporary_site() as app:
        rows = cells(walk(app, AS_SITE))
    return [row for row in rows if row not in cells_of_defaults()]


# -- The policy file --

POLICY_HEAD = """\
# Rights that differ from the defaults, in the language of oslo.policy. All rules are below with their
# defaults, as comments: to change one, remove the "#" and write another check. The file is read when the
# site starts; a mistake in it stops the start. `flask --app wsgi dcapi policy` shows the rules in
# force, and docs/rights.md who may call what by the defaults.
#
# A check looks at the caller: role:NAME, project_name:NAME, user_name:NAME, user_id:ID, or
# refers to another rule by rule:NAME; with and, or, not and parentheses. "@" lets everybody with a valid
# token through, as "" does, and "!" nobody. Rules of other names may be added for others to refer to.
#
# This file is written by `make docs`. Keep a changed one elsewhere, and name it in DCAPI_POLICY_FILE.
"""


def policy_sample() -> str:
    """config/policy.yaml: every rule with its default, as comments."""
    return POLICY_HEAD + "".join(f"\n{_sample_of(rule)}" for rule in DEFAULTS.values())


def _sample_of(rule: Any) -> str:
    lines = [f"# {rule.description}"]
    if isinstance(rule, DocumentedRuleDefault):
        lines += [f"# {operation['method']} {operation['path']}" for operation in rule.operations]
    return "\n".join([*lines, f'#"{rule.name}": "{rule.check_str}"']) + "\n"
