"""A peer that hangs costs its own associations: those of other peers find threads to be worked on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from dcapi.api.request import EXTENSION
from tests.conftest import ADMIN_PASSWORD
from tests.fakes.peer import FakePeer
from tests.fakes.peer_site import FakeSite
from tests.integration.beside_peer import PEER_UUID, app_beside, peer_body
from tests.site_client import SiteClient

OTHER = "22222222-2222-4333-8444-555555555555"
JOB_THREADS = 4
DEADLINE = 20.0


@pytest.fixture
def peers() -> dict[int, FakePeer]:
    return {1: FakePeer(FakeSite(PEER_UUID)), 2: FakePeer(FakeSite(OTHER))}


@pytest.fixture
def site(
    peers: dict[int, FakePeer], prepared_instance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    more = {"JOBS_ENGINE": "threads", "JOB_THREADS": JOB_THREADS, "RECONCILE_SECONDS": 3600}
    with app_beside(dict(peers), prepared_instance, tmp_path, monkeypatch, **more) as app:
        yield app


def test_a_peer_that_hangs_leaves_threads_for_the_others(site: Flask, peers: dict[int, FakePeer]) -> None:
    operator = SiteClient.logged_in(site, "admin", ADMIN_PASSWORD)
    jobs = site.extensions[EXTENSION].jobs
    released, asked = threading.Event(), threading.Event()
    peers[1].do(lambda: (released.wait(DEADLINE), None)[1], times=None)
    peers[2].do(asked.set, times=None)
    for number, uuid in enumerate((PEER_UUID, OTHER), start=1):
        body = peer_body(peer_uuid=uuid, peer_name=f"site-{number}")
        assert operator.post("/system-peers", json=body).status_code == 200
    for number in range(JOB_THREADS + 2):
        name = {"peer-group-name": f"group-{number}"}
        group: dict[str, Any] = operator.post("/subcloud-peer-groups", json=name).json or {}
        body = {"peer_group_id": group["id"], "system_peer_id": 1, "peer_group_priority": 1}
        assert operator.post("/peer-group-associations", json=body).status_code == 200
    jobs.start()
    try:
        body = {"peer_group_id": 1, "system_peer_id": 2, "peer_group_priority": 1}
        assert operator.post("/peer-group-associations", json=body).status_code == 200
        assert asked.wait(DEADLINE / 2)
    finally:
        released.set()
        jobs.drain(DEADLINE)
