"""A subcloud that is taken over with other networks than its site knows."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.deploy.port import Phase
from dcapi.models import SystemPeer
from tests.integration.beside_peer import NETWORKS
from tests.integration.migration.conftest import Survivor
from tests.integration.subclouds.fleet import refused
from tests.integration.subclouds.verbs import failing
from tests.subcloud_forms import bootstrap_values, form, secondary_form

MOVED: dict[str, Any] = {
    "management_subnet": "10.99.10.0/24",
    "management_start_address": "10.99.10.2",
    "management_end_address": "10.99.10.40",
    "management_gateway_address": "10.99.10.1",
}


def test_a_subcloud_is_taken_over_into_the_network_that_its_new_values_say(
    site: Survivor, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add_member()
    site.be_away()
    site.change(SystemPeer, 1, availability_state="unavailable")
    with monkeypatch.context() as during:
        failing(during, Phase.REHOME, "no answer at the old network")
        site.begin()
        site.run_jobs()
    assert site.standing() == ("rehome-failed", "unmanaged")
    values = form(bootstrap_values={**NETWORKS, **MOVED, "name": "edge-1"})
    changed = site.good(site.operator.patch("/subclouds/edge-1", **values))
    assert changed["management-subnet"] == "10.99.10.0/24"
    assert site.begin() == ["edge-1"]
    site.run_jobs()
    assert site.standing() == ("complete", "managed")
    assert site.subcloud()["management-subnet"] == "10.99.10.0/24"
    same = secondary_form(2, bootstrap_values=bootstrap_values(2, **MOVED))
    text = "Management address range overlaps with that of subcloud edge-1"
    refused(site.operator.post("/subclouds", **same), 400, text)
