"""The rules as the wire contract gives them, and the marks of views."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.views import MethodView

from dcapi.auth.context import Caller, caller, set_caller
from dcapi.auth.policy import (
    access_of,
    allows,
    any_token,
    authorize,
    install,
    may,
    public,
    requires,
    with_implied,
)
from dcapi.auth.rules import RULES
from dcapi.errors import Forbidden
from dcapi.settings import Settings

# The contract's table, row by row: which of these roles, alone, may do it.
READING = {"admin", "configurator", "operator", "reader"}
CHANGING = {"admin", "configurator"}
RESOURCES = (
    "system_peers",
    "subcloud_peer_groups",
    "peer_group_associations",
    "subclouds",
    "subcloud_groups",
)
EXPECTED: dict[str, set[str]] = {
    **{
        f"dc_api:{resource}:{verb}": CHANGING
        for resource in RESOURCES
        for verb in ("create", "delete", "modify")
    },
    **{f"dc_api:{resource}:get": READING for resource in RESOURCES},
    "dc_api:subcloud_peer_groups:get": CHANGING,
    "dc_api:alarm_manager:get": READING,
    "dc_api:phased_subcloud_deploy:create": CHANGING,
    "dc_api:phased_subcloud_deploy:modify": CHANGING,
    "dc_api:subcloud_deploy:upload": CHANGING,
    "dc_api:subcloud_deploy:delete": CHANGING,
    "dc_api:subcloud_deploy:get": READING,
    "dc_api:subclouds:manage_unmanage": CHANGING | {"operator"},
    "dc_api:subclouds:get_secrets": {"admin"},
}


def somebody(*roles: str, project: str = "admin") -> Caller:
    return Caller("1", "somebody", project, frozenset(roles))


@pytest.fixture(autouse=True)
def _request_context() -> Iterator[None]:
    app = Flask("tests")
    install(app, Settings())
    with app.test_request_context():
        yield


def test_the_table_has_the_rules_of_the_contract_and_no_others() -> None:
    assert RULES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("role", ["admin", "configurator", "operator", "reader", "member", "stranger", ""])
@pytest.mark.parametrize("rule", sorted(EXPECTED))
def test_a_role_may_what_the_contract_gives_it(rule: str, role: str) -> None:
    assert allows(rule, somebody(role)) == (role in EXPECTED[rule])


@pytest.mark.parametrize(
    ("project", "counts"), [("admin", True), ("services", True), ("demo", False), ("", False)]
)
def test_only_the_projects_admin_and_services_count(project: str, counts: bool) -> None:
    assert allows("dc_api:subclouds:create", somebody("admin", project=project)) is counts


def test_nobody_may_anything_without_a_role() -> None:
    assert not any(allows(rule, somebody()) for rule in RULES)


def test_admin_implies_member_and_reader_and_reader_implies_nothing() -> None:
    assert with_implied(["admin"]) == {"admin", "member", "reader"}
    assert with_implied(["reader"]) == {"reader"}


def test_a_rule_that_there_is_not_is_noticed_where_the_view_is_defined() -> None:
    with pytest.raises(KeyError):
        requires("dc_api:subclouds:gte")
    with pytest.raises(KeyError):
        requires()


def test_authorize_passes_whoever_one_of_the_rules_lets_through() -> None:
    set_caller(somebody("operator"))
    authorize("dc_api:subclouds:modify", "dc_api:subclouds:manage_unmanage")
    assert may("dc_api:subclouds:get")
    assert not may("dc_api:subclouds:modify")


def test_a_refusal_says_what_it_takes() -> None:
    set_caller(somebody("operator"))
    with pytest.raises(Forbidden, match="dc_api:subclouds:modify: it takes a role of admin, configurator"):
        authorize("dc_api:subclouds:modify")


def test_a_request_that_nobody_logged_in_for_has_no_caller() -> None:
    with pytest.raises(RuntimeError):
        caller()


def test_a_view_bears_its_own_mark_and_none_by_itself() -> None:
    def view() -> None: ...

    assert access_of(view, "GET") is None
    marked = access_of(any_token(view), "GET")
    assert marked is not None
    assert not marked.public
    opened = access_of(public(view), "GET")
    assert opened is not None
    assert opened.public


def test_each_method_of_a_class_of_views_bears_its_own_mark() -> None:
    class Things(MethodView):
        @requires("dc_api:subclouds:get")
        def get(self) -> str:
            return ""

        def post(self) -> str:
            return ""

    view = Things.as_view("things")
    for method in ("GET", "HEAD"):
        access = access_of(view, method)
        assert access is not None
        assert access.rules == ("dc_api:subclouds:get",)
    assert access_of(view, "POST") is None
