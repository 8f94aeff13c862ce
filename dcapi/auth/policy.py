"""Who may do what: the rules as data, and the marks that views bear.

The table follows the wire contract, "Who may call what". Every view bears a mark; one without answers nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from dcapi.auth.context import Caller, caller
from dcapi.errors import Forbidden

# Only tokens of these projects count, but for what any valid token may do.
PROJECTS = frozenset({"admin", "services"})

# A role that brings others with it.
IMPLIED: dict[str, frozenset[str]] = {"admin": frozenset({"member", "reader"})}

READ = frozenset({"reader", "operator", "configurator"})
CHANGE = frozenset({"admin", "configurator"})
OPERATE = CHANGE | {"operator"}

RULES: dict[str, frozenset[str]] = {
    "dc_api:system_peers:create": CHANGE,
    "dc_api:system_peers:delete": CHANGE,
    "dc_api:system_peers:get": READ,
    "dc_api:system_peers:modify": CHANGE,
    "dc_api:subcloud_peer_groups:create": CHANGE,
    "dc_api:subcloud_peer_groups:delete": CHANGE,
    "dc_api:subcloud_peer_groups:get": CHANGE,
    "dc_api:subcloud_peer_groups:modify": CHANGE,
    "dc_api:peer_group_associations:create": CHANGE,
    "dc_api:peer_group_associations:delete": CHANGE,
    "dc_api:peer_group_associations:get": READ,
    "dc_api:peer_group_associations:modify": CHANGE,
    "dc_api:subclouds:create": CHANGE,
    "dc_api:subclouds:delete": CHANGE,
    "dc_api:subclouds:get": READ,
    "dc_api:subclouds:modify": CHANGE,
    "dc_api:subclouds:manage_unmanage": OPERATE,
    "dc_api:subcloud_groups:create": CHANGE,
    "dc_api:subcloud_groups:delete": CHANGE,
    "dc_api:subcloud_groups:get": READ,
    "dc_api:subcloud_groups:modify": CHANGE,
    "dc_api:alarm_manager:get": READ,
}

# Every role that means anything here.
ROLES: tuple[str, ...] = ("admin", "configurator", "member", "operator", "reader")

MARK = "dcapi_access"

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Access:
    """The mark of a view: open to everyone, or to valid tokens that one of the rules (if any) allows."""

    public: bool = False
    rules: tuple[str, ...] = ()


def public(view: View) -> View:
    """Mark a view that answers everyone."""
    return _marked(view, Access(public=True))


def any_token(view: View) -> View:
    """Mark a view that answers every caller with a valid token, of whatever project and role."""
    return _marked(view, Access())


def requires(*rules: str) -> Callable[[View], View]:
    """Mark a view with its rule.

    With several, a caller whom any of them allows gets in, and the view decides with ``authorize`` which one
    this request needs. Raises KeyError, at import, for a rule that there is not.
    """
    for rule in rules:
        RULES[rule]
    if not rules:
        raise KeyError("a view requires at least one rule")
    return lambda view: _marked(view, Access(rules=rules))


def _marked(view: View, access: Access) -> View:
    setattr(view, MARK, access)
    return view


def access_of(view: Callable[..., Any], method: str) -> Access | None:
    """The mark of a view, or in a class of views of the method; None when there is none."""
    view_class = getattr(view, "view_class", None)
    handler = getattr(view_class, "get" if method == "HEAD" else method.lower(), None)
    return getattr(handler, MARK, None) or getattr(view, MARK, None)


def with_implied(roles: Iterable[str]) -> frozenset[str]:
    """The roles and those that they imply."""
    given = frozenset(roles)
    return given.union(*(IMPLIED.get(role, frozenset()) for role in given))


def allows(rule: str, who: Caller) -> bool:
    """Whether the rule lets this caller through: its project counts, and it has one of the rule's roles."""
    return who.project_name in PROJECTS and not RULES[rule].isdisjoint(with_implied(who.roles))


def authorize(*rules: str) -> None:
    """Raises Forbidden, which says what it takes, when no rule lets the caller of this request through."""
    who = caller()
    if not any(allows(rule, who) for rule in rules):
        raise Forbidden(_refusal(rules))


def may(rule: str) -> bool:
    """Whether the rule lets the caller of this request through, for a view that shows more to some."""
    return allows(rule, caller())


def _refusal(rules: tuple[str, ...]) -> str:
    roles = sorted(frozenset().union(*(RULES[rule] for rule in rules)))
    return (
        f"Not allowed by {' or '.join(rules)}: it takes a role of {', '.join(roles)} "
        f"in a project of {', '.join(sorted(PROJECTS))}"
    )
