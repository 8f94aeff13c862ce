"""Nothing is allowed by forgetting."""

from __future__ import annotations

from flask import Flask

from dcapi.auth.guard import unmarked
from dcapi.auth.policy import access_of

# What the contract gives to everyone.
OPEN = {"GET /", "GET /v3", "POST /v3/auth/tokens", "GET /healthz", "GET /readyz"}
OPEN |= {"POST /v3/users/<reference>/password"}
# The description of the API, which tells nothing that the source does not.
OPEN |= {"GET /v1.0/openapi.json", "GET /docs", "GET /docs/style.css"}


def test_every_route_and_method_has_a_policy_rule(app: Flask) -> None:
    assert unmarked(app) == []


def test_nothing_else_is_open_than_what_the_contract_opens(app: Flask) -> None:
    found = set()
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            access = access_of(app.view_functions[rule.endpoint], method)
            if access and access.public:
                found.add(f"{method} {rule.rule}")
    assert found <= OPEN
    assert "POST /v3/auth/tokens" in found
