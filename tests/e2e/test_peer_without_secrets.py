"""A peer site that logs in as a configurator sees masks, and syncs all the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from dcapi.lab.operator import base64_text
from dcapi.lab.pair import Pair
from dcapi.models.secret_values import MASK
from tests.e2e.conftest import MakePair
from tests.e2e.test_start import FLASK, _run

PASSWORD = "Semaphore*flag 11"


def registry_password(pair: Pair, name: str) -> str:
    saved: dict[str, Any] = json.loads(pair.at_b.one("subclouds", name)["rehome_data"])["saved_payload"]
    password: str = saved["docker_registries"]["defaults"]["password"]
    return password


def test_a_changed_password_reaches_a_peer_that_masks_it(make_pair: MakePair) -> None:
    pair = make_pair({})
    add = (*FLASK, "dcapi", "user", "add", "site-a", "--role", "configurator", "--password-stdin")
    assert _run(add, pair.b, typed=f"{PASSWORD}\n").returncode == 0
    pair.introduce()
    login = {"manager_username": "site-a", "manager_password": base64_text(PASSWORD)}
    pair.at_a.update("system-peers", pair.b.name, login)
    pair.at_a.create("subcloud-peer-groups", {"peer-group-name": "coast"})
    new = pair.new_member("quay")
    registries = {"defaults": {"url": "registry.example", "password": "First-one-1"}}
    member = replace(new, bootstrap_values={**new.bootstrap_values, "docker_registries": registries})
    pair.join("coast", member)
    ids = {"peer_group_id": 1, "system_peer_id": pair.peer_at_a()["id"], "peer_group_priority": 1}
    association = pair.at_a.create("peer-group-associations", ids, wait=60)
    assert association["sync-status"] == "in-sync", association
    assert registry_password(pair, member.name) == "First-one-1"

    registries["defaults"]["password"] = "Second-one-2"
    changed = pair.at_a.update_subcloud(member.name, {"bootstrap_values": member.bootstrap_values})
    assert "info_message" in changed
    assert MASK in changed["rehome_data"]
    assert pair.at_a.sync(association["id"], wait=60)["sync-status"] == "in-sync"
    assert registry_password(pair, member.name) == "Second-one-2"
