"""What the audit log says of a request that would change something: who, what, which object, outcome."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from flask.wrappers import Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from dcapi.api.request import says_site
from dcapi.api.safe_headers import keep_out_of_caches
from dcapi.audit_log import milliseconds_since, outcome_of, refuse_unrecorded, write_line
from dcapi.auth.context import caller

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Where what is learnt of a request while it is served waits for its line.
NOTES = "dcapi.audit"

# Method → what it does to an object, unless the path ends in a verb of its own.
VERBS = {"POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}

# What a request does that reads what not every reader may see.
READ_SECRETS = "read secrets"

# Collection in a path → type of its objects.
TYPES = {
    "system-peers": "system_peer",
    "subcloud-peer-groups": "subcloud_peer_group",
    "peer-group-associations": "peer_group_association",
    "subclouds": "subcloud",
    "subcloud-groups": "subcloud_group",
    "subcloud-deploy": "subcloud_deploy",
    "phased-subcloud-deploy": "subcloud",
    "tokens": "token",
    "users": "user",
}
# Keys under which an answer holds the name of its object.
NAMES = ("name", "peer-name", "peer_group_name")

PARAMETER = re.compile(r"<(?:[^<>]*:)?(\w+)>")
# An answer about one object is shorter than that, in bytes.
LARGEST_ANSWER = 1024 * 1024

Entry = dict[str, Any]


def register(app: Flask) -> None:
    """Learn of each request that would change something who called and what was answered.

    To be called last: what is refused anyway need not be recorded.
    """
    app.before_request(_refuse_unrecorded)
    app.after_request(_learn)


def _refuse_unrecorded() -> None:
    if request.endpoint is not None and request.method in VERBS:
        refuse_unrecorded()


def note(**values: Any) -> None:
    """Add to the line of the request that is being served, if it gets one."""
    request.environ.get(NOTES, {}).update(values)


def note_secrets_read(answers: Iterable[Mapping[str, Any]]) -> None:
    """Let a request that reads get a line, when it shows a caller the secrets among values of subclouds.

    Its answer is not to be kept on its way.
    """
    keep_out_of_caches()
    if any(answer.get(key) for answer in answers for key in ("rehome_data", "data_install")):
        note(verb=READ_SECRETS)


@contextmanager
def audited(app: Flask, environ: WSGIEnvironment, status: Callable[[], int]) -> Iterator[None]:
    """Write the line of the request that is served in the block, once ``status`` is known."""
    started = time.monotonic()
    notes: Entry = {}
    environ[NOTES] = notes
    try:
        yield
    finally:
        if _gets_line(environ):
            code, took = status(), milliseconds_since(started)
            outcome = {"status": code, "outcome": outcome_of(code), "duration_ms": took}
            write_line({**_sender(environ), **_target(app, environ), **notes, **outcome})


def _gets_line(environ: WSGIEnvironment) -> bool:
    """Whether a request would change something, or has read what is told of."""
    return _method(environ) in VERBS or "verb" in environ.get(NOTES, {})


def _method(environ: WSGIEnvironment) -> str:
    """The method as routes know it; some servers let one in lower case through."""
    method: str = environ["REQUEST_METHOD"]
    return method.upper()


def _sender(environ: WSGIEnvironment) -> Entry:
    agent = environ.get("HTTP_USER_AGENT")
    return {
        "remote_address": environ.get("REMOTE_ADDR"),
        # What it says of itself; who it is stands in user_name.
        "sender": "peer" if says_site(environ) else "operator",
        "user_agent": _text(agent),
    }


def _target(app: Flask, environ: WSGIEnvironment) -> Entry:
    """What a request wants done to which object; of an unknown address, only the path."""
    method = _method(environ)
    known = {"method": method, "path": _text(environ.get("PATH_INFO"))}
    try:
        rule, arguments = app.url_map.bind_to_environ(environ).match(return_rule=True)
    except (HTTPException, UnicodeError, ValueError):
        return known
    return {
        **known,
        "route": PARAMETER.sub(r"{\1}", rule.rule),
        "verb": arguments.get("verb") or _verb(rule) or VERBS.get(method),
        "object_type": next((TYPES[part] for part in rule.rule.split("/") if part in TYPES), None),
        "object_reference": arguments.get("reference"),
    }


def _verb(rule: Rule) -> str | None:
    """The verb after the reference, as in ``/{reference}/sync``."""
    _, reference, verb = rule.rule.partition("<reference>/")
    return verb if reference else None


def _text(value: str | None) -> str | None:
    """A text of the environment, whose bytes stand in it as characters (PEP 3333)."""
    return value.encode("latin-1", "replace").decode("utf-8", "replace") if value else None


def _learn(response: Response) -> Response:
    if _gets_line(request.environ):
        note(remote_address=request.remote_addr, **_who())
        if response.status_code < 400:
            note(**_object(response))
    return response


def _who() -> Entry:
    with suppress(RuntimeError):
        who = caller()
        return {
            "user_id": who.user_id,
            "user_name": who.user_name,
            "project_name": who.project_name,
            "roles": sorted(who.roles),
        }
    return {}


def _object(response: Response) -> Entry:
    """Which object an answer shows; a new token shows whose it is, and is known by its audit id."""
    if not response.is_json or not 0 < (response.content_length or 0) < LARGEST_ANSWER:
        return {}
    answer = response.get_json(silent=True)
    if not isinstance(answer, Mapping):
        return {}
    if isinstance(answer.get("token"), Mapping):
        return _login(answer["token"])
    name = next((answer[key] for key in NAMES if key in answer), None)
    return {"object_id": answer.get("id"), "object_name": name}


def _login(token: Mapping[str, Any]) -> Entry:
    return {
        "user_id": token["user"]["id"],
        "user_name": token["user"]["name"],
        "project_name": token.get("project", {}).get("name"),
        "roles": sorted(role["name"] for role in token.get("roles", ())),
        "object_id": next(iter(token.get("audit_ids", ())), None),
    }
