"""The document names every call of the application and nothing else, and is an OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from dcapi.api.description import responses
from dcapi.api.description.document import RULE_KEY, routes_of
from dcapi.api.description.operation_table import TABLES
from dcapi.auth.policy import access_of
from dcapi.schemas import associations, peer_groups, subcloud_groups, system_peers
from dcapi.services import alarms
from dcapi.services.inventory.subcloud_answers import KEYS
from dcapi.services.row_answers import ASSOCIATION, ASSOCIATION_IN_LIST, PEER, PEER_GROUP, SUBCLOUD_GROUP
from dcapi.settings import Settings
from tests.conftest import make_site

WHERE_TO_ADD = "add or remove its line in dcapi/api/description/operation_table.py"


@pytest.fixture(scope="module")
def site(prepared_instance: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with make_site(prepared_instance, tmp_path_factory.mktemp("document"), HEARTBEAT_INTERVAL_MIN=4) as app:
        yield app


@pytest.fixture(scope="module")
def document(site: Flask) -> dict[str, Any]:
    answer = site.test_client().get("/v1.0/openapi.json")
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    found = answer.json
    assert isinstance(found, dict)
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def values(node: Any) -> Iterator[Any]:
    """Everything inside of a JSON value."""
    yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from values(child)


def test_every_route_is_described_and_nothing_else(site: Flask, document: dict[str, Any]) -> None:
    """A new route needs a line in dcapi/api/description/operation_table.py; one that is gone leaves none."""
    routed = {route.key for route in routes_of(site)}
    tabled = {key for table in TABLES.values() for key in table}
    assert routed - tabled == set(), WHERE_TO_ADD
    assert tabled - routed == set(), WHERE_TO_ADD
    assert set(operations(document)) == routed


def test_routes_are_found_without_the_help_of_the_description(site: Flask, document: dict[str, Any]) -> None:
    described = set(operations(document))
    for rule in site.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            path = re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule)
            pattern = re.escape(f"{method} {path}").replace(r"/\{verb\}", "/[a-z]+")
            assert any(re.fullmatch(pattern, key) for key in described), (
                f"{method} {rule.rule}: {WHERE_TO_ADD}"
            )


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(document)] == []


def test_every_schema_is_valid_json_schema(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def test_every_reference_leads_somewhere_and_every_component_is_used(document: dict[str, Any]) -> None:
    references = {
        node["$ref"]
        for node in values(document)
        if isinstance(node, dict) and isinstance(node.get("$ref"), str)
    }
    components = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "parameters", "headers")
        for name in document["components"].get(kind, {})
    }
    told_of = {"#/components/schemas/BootstrapValues", "#/components/schemas/InstallValues"}
    assert references <= components
    assert components - references == told_of


def test_operation_ids_are_unique_and_links_lead_to_them(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len(ids) == len(set(ids))
    links = [
        link
        for operation in operations(document).values()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert links
    assert {link["operationId"] for link in links} <= set(ids)


def test_every_call_says_which_rules_let_callers_in(site: Flask, document: dict[str, Any]) -> None:
    described = operations(document)
    for route in routes_of(site):
        operation = described[route.key]
        assert route.access is not None
        if route.access.public:
            assert operation["security"] == []
        else:
            assert "security" not in operation
            assert operation["responses"].keys() >= {"401"}
        assert operation.get(RULE_KEY, []) == list(route.access.rules)
        judged_by_view = route.key == "DELETE /v3/auth/tokens"
        assert ("403" in operation["responses"]) == bool(route.access.rules or judged_by_view)
    assert document["security"] == [{"token": []}]


def test_the_document_is_open_to_everyone(site: Flask) -> None:
    for endpoint in ("openapi.show_document", "openapi.show_page", "openapi.show_style"):
        access = access_of(site.view_functions[endpoint], "GET")
        assert access is not None
        assert access.public


@pytest.mark.parametrize(
    ("component", "keys"),
    [
        ("SystemPeer", PEER.keys),
        ("SubcloudPeerGroup", PEER_GROUP.keys),
        ("PeerGroupAssociation", ASSOCIATION.keys),
        ("PeerGroupAssociationInList", ASSOCIATION_IN_LIST.keys),
        ("SubcloudGroup", SUBCLOUD_GROUP.keys),
        ("SystemAlarm", alarms.SYSTEM_ALARM.keys),
        ("Subcloud", KEYS),
    ],
)
def test_answers_have_the_keys_that_the_services_give_them(component: str, keys: tuple[str, ...]) -> None:
    described = responses.COMPONENTS[component]
    assert set(described["properties"]) == set(keys)
    assert set(described["required"]) == set(keys)
    assert described["additionalProperties"] is False


@pytest.mark.parametrize(
    ("component", "schema"),
    [
        ("SystemPeerCreate", system_peers.create_schema(Settings())),
        ("SystemPeerPatch", system_peers.patch_schema(Settings())),
        ("PeerGroupCreate", peer_groups.PeerGroupCreate()),
        ("PeerGroupPatch", peer_groups.PeerGroupPatch()),
        ("AssociationCreate", associations.AssociationCreate()),
        ("AssociationPatch", associations.AssociationPatch()),
        ("SubcloudGroupCreate", subcloud_groups.SubcloudGroupCreate()),
        ("SubcloudGroupPatch", subcloud_groups.SubcloudGroupPatch()),
    ],
)
def test_bodies_have_the_fields_that_the_views_load(
    document: dict[str, Any], component: str, schema: Any
) -> None:
    described = document["components"]["schemas"][component]
    fields = {field.data_key or name: field for name, field in schema.load_fields.items()}
    assert set(described["properties"]) == set(fields)
    assert set(described.get("required", [])) == {key for key, field in fields.items() if field.required}


def test_limits_that_are_settings_stand_in_the_document(document: dict[str, Any]) -> None:
    interval = document["components"]["schemas"]["SystemPeerCreate"]["properties"]["heartbeat_interval"]
    assert interval["anyOf"][0] == {"type": "integer", "minimum": 4, "maximum": 600}


def test_every_error_has_both_bodies(document: dict[str, Any]) -> None:
    for key, operation in operations(document).items():
        for code, answer in operation["responses"].items():
            assert "X-Openstack-Request-Id" in answer["headers"]
            if int(code) < 400 or key == "GET /readyz":
                continue
            expected = {"application/json"} if " /v3" in key else {"application/json", "text/html"}
            assert set(answer["content"]) == expected, f"{key} {code}"
