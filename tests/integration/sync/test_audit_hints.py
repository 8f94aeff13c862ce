"""What a peer says of its copy when it asks for an audit is a hint: it has to be there, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import AT_HOME, body, in_sync, states

HINTS = [
    "peer_group_name",
    "group_priority",
    "group_state",
    "system_leader_id",
    "system_leader_name",
    "migration_status",
]


def ask(site: Site, asked: dict[str, Any]) -> Any:
    return site.operator.patch("/subcloud-peer-groups/trains/audit", json=asked)


@pytest.mark.parametrize("value", [None, "", 0, False, [], {}])
@pytest.mark.parametrize("key", HINTS)
def test_a_key_that_is_there_is_enough(site: Site, key: str, value: Any) -> None:
    in_sync(site)
    before = site.row().audit_asked
    assert site.good(ask(site, body(site, **{key: value}))) == {"message": None}
    assert site.row().audit_asked == before + 1


def test_a_peer_that_knows_nothing_is_read_all_the_same(site: Site) -> None:
    in_sync(site)
    site.good(ask(site, body(site, **dict.fromkeys(HINTS), max_subcloud_rehoming=None)))
    site.run_jobs()
    assert site.row().audit_served == site.row().audit_asked > 0
    assert set(states(site).values()) == {AT_HOME}


@pytest.mark.parametrize("value", [None, "", 7, "nobody"])
def test_who_asks_must_be_known_all_the_same(site: Site, value: Any) -> None:
    in_sync(site)
    answer = ask(site, body(site, peer_uuid=value))
    assert answer.status_code == 400
    assert "peer_uuid" in answer.text


def test_the_description_says_so(site: Site) -> None:
    document = site.good(site.operator.get("/openapi.json"))
    schema = document["components"]["schemas"]["PeerGroupAudit"]
    assert [schema["properties"][key] for key in HINTS] == [{}] * len(HINTS)
    assert set(schema["required"]) == {*HINTS, "peer_uuid"}
