"""The caller of the request that is being served."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, request

# How a site says that it is one: a hint about what it means, no credential.
SITE_USER_AGENT = "dcmanager/1.0"


@dataclass(frozen=True)
class Caller:
    """Who calls, as a strategy read it from a token; nothing in it comes from another header."""

    user_id: str
    user_name: str
    project_name: str
    roles: frozenset[str]


def says_it_is_a_site() -> bool:
    """Whether the caller of this request says that it is another site."""
    return request.headers.get("User-Agent") == SITE_USER_AGENT


def set_caller(caller: Caller) -> None:
    g.dcapi_caller = caller


def caller() -> Caller:
    """Who calls; raises RuntimeError in a public view, which nobody logged in for."""
    found: Caller | None = g.get("dcapi_caller")
    if found is None:
        raise RuntimeError("a public view has no caller")
    return found
