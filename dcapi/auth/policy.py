"""Who may do what: the marks that views bear, and the rules that judge the caller of a request.

Every view bears a mark; one without answers nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, current_app

from dcapi.auth.context import Caller, caller
from dcapi.auth.rights import Rights, with_implied
from dcapi.auth.rules import RULES
from dcapi.errors import Forbidden
from dcapi.settings import Settings

__all__ = [
    "Access",
    "access_of",
    "allows",
    "any_token",
    "authorize",
    "install",
    "may",
    "public",
    "requires",
    "rights",
    "with_implied",
]

EXTENSION = "dcapi.rights"

MARK = "dcapi_access"

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Access:
    """The mark of a view: open to everyone, or to valid tokens that one of the rules (if any) allows."""

    public: bool = False
    rules: tuple[str, ...] = ()
    # What it takes besides when the caller says that it is another site: a role does not grow by that.
    as_site: str | None = None


def public(view: View) -> View:
    """Mark a view that answers everyone."""
    return _marked(view, Access(public=True))


def any_token(view: View) -> View:
    """Mark a view that answers every caller with a valid token, of whatever project and role."""
    return _marked(view, Access())


def requires(*rules: str, as_site: str | None = None) -> Callable[[View], View]:
    """Mark a view with its rule.

    With several, a caller whom any of them allows gets in, and the view decides with ``authorize`` which one
    this request needs. ``as_site``: the rule that a caller needs besides who says that it is another site.
    Raises KeyError, at import, for an unknown rule.
    """
    for rule in (*rules, *([as_site] if as_site else [])):
        RULES[rule]
    if not rules:
        raise KeyError("a view requires at least one rule")
    return lambda view: _marked(view, Access(rules=rules, as_site=as_site))


def _marked(view: View, access: Access) -> View:
    setattr(view, MARK, access)
    return view


def access_of(view: Callable[..., Any], method: str) -> Access | None:
    """The mark of a view, or in a class of views of the method; None when there is none."""
    view_class = getattr(view, "view_class", None)
    handler = getattr(view_class, "get" if method == "HEAD" else method.lower(), None)
    return getattr(handler, MARK, None) or getattr(view, MARK, None)


def install(app: Flask, settings: Settings) -> None:
    """Give the application its rules; raises SettingsError for a policy file that is wrong."""
    app.extensions[EXTENSION] = Rights.of(settings)


def rights() -> Rights:
    """The rules of this application."""
    found: Rights = current_app.extensions[EXTENSION]
    return found


def allows(rule: str, who: Caller) -> bool:
    """Whether the rule lets this caller through."""
    return rights().allows(rule, who)


def authorize(*rules: str) -> None:
    """Raises Forbidden, which says what it takes, when no rule lets the caller of this request through."""
    who = caller()
    if not any(allows(rule, who) for rule in rules):
        raise Forbidden(_refusal(rules))


def may(rule: str) -> bool:
    """Whether the rule lets the caller of this request through, for a view that shows more to some."""
    return allows(rule, caller())


def _refusal(rules: tuple[str, ...]) -> str:
    return f"Not allowed by {', or by '.join(map(_with_what_it_takes, rules))}"


def _with_what_it_takes(rule: str) -> str:
    takes = rights().takes(rule)
    return f"{rule}: it takes {takes}" if takes else rule
