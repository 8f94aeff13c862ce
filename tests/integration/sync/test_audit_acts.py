"""What the audit log hears of a site that follows its peer: whom, in what, and what that replaced."""

from __future__ import annotations

import logging
from unittest.mock import Mock

import pytest

from dcapi.log import AUDIT_LOGGER
from dcapi.models import Subcloud
from dcapi.tasks.hold import LeaseLost
from tests.integration.audit_lines import acts, audit_lines
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import (
    AT_HOME,
    audit,
    begin_migration,
    change_there,
    in_sync,
    states,
    take_over,
)

PEER = {"user_name": "site-b", "peer": "site-b", "outcome": "done"}
GROUP = {"object_type": "subcloud_peer_group", "object_id": 1, "object_name": "trains"}
MEMBER = {"object_type": "subcloud", "object_id": 1, "object_name": "edge-1"}


@pytest.fixture(autouse=True)
def _every_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, AUDIT_LOGGER)


def test_a_site_that_follows_says_whom_and_in_what(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    in_sync(site, "edge-1")
    take_over(site)
    caplog.clear()
    audit(site)
    assert acts(caplog) == [
        {**PEER, **MEMBER, "verb": "follow"},
        {**PEER, **GROUP, "verb": "follow", "members": 1},
    ]
    assert {line["sender"] for line in audit_lines(caplog) if "peer" in line} == {"peer"}
    caplog.clear()
    audit(site)
    assert acts(caplog) == []


def test_what_an_audit_did_not_commit_is_not_told(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_sync(site, "edge-1")
    begin_migration(site)
    note_served = Mock(side_effect=LeaseLost("lost"))
    monkeypatch.setattr("dcapi.sync.audit.audit.note_served", note_served)
    caplog.clear()
    audit(site)
    assert note_served.called
    assert set(states(site).values()) == {AT_HOME}
    assert acts(caplog) == []


def test_values_that_give_way_to_those_of_the_leader_are_told(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    in_sync(site, "edge-1")
    site.change(Subcloud, 1, description="moved to rack 5")
    take_over(site)
    change_there(site, bootstrap__address="10.10.10.99")
    caplog.clear()
    audit(site)
    overwritten = {**PEER, **MEMBER, "verb": "overwrite", "fields": ("description", "bootstrap address")}
    assert overwritten in acts(caplog)


def test_a_member_that_is_taken_back_is_told(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    in_sync(site, "edge-1")
    begin_migration(site)
    audit(site)
    site.there.group_named("trains")["migration_status"] = None
    caplog.clear()
    audit(site)
    assert set(states(site).values()) == {AT_HOME}
    assert {**PEER, **MEMBER, "verb": "manage"} in acts(caplog)
