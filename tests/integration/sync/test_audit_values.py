"""Audits at a primary site: whose values of a member count when its peer has taken the group over."""

from __future__ import annotations

import logging

import pytest

from dcapi.models import PeerGroupAssociation, Subcloud
from dcapi.models.network_values import Span
from dcapi.models.taken_networks import TakenNetworks
from dcapi.peers.errors import PeerError, PeerRefused
from dcapi.sync.values.ledger import forget_pushes
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import (
    FOLLOWING,
    GONE,
    audit,
    change_there,
    in_sync,
    message,
    saved,
    states,
    subcloud,
    take_over,
)


def test_changed_rehome_data_comes_over_but_for_the_gateway(site: Site) -> None:
    in_sync(site)
    own_gateway = saved(site).get("systemcontroller_gateway_address")
    take_over(site)
    change_there(site, bootstrap__address="10.10.10.99", admin_password="bmV3", docker="registry")
    audit(site)
    now = saved(site)
    assert (now["bootstrap-address"], now["admin_password"], now["docker"]) == (
        "10.10.10.99",
        "bmV3",
        "registry",
    )
    assert now.get("systemcontroller_gateway_address") == own_gateway
    assert site.standing() == ("in-sync", "in-sync")
    assert message(site) == "None"


def test_networks_that_come_over_are_shown_and_guarded(site: Site) -> None:
    in_sync(site)
    take_over(site)
    change_there(
        site,
        management_subnet="10.99.10.0/24,fd99:10::/64",
        management_start_address="10.99.10.2,fd99:10::2",
        management_end_address="10.99.10.40,fd99:10::40",
        management_gateway_address="10.99.10.1,fd99:10::1",
        external_oam_floating_address="10.10.10.33",
    )
    audit(site)
    detail = site.good(site.operator.get("/subclouds/edge-1/detail"))
    shown = [detail[f"management-{key}"] for key in ("subnet", "start-ip", "end-ip", "gateway-ip")]
    assert shown == ["10.99.10.0/24", "10.99.10.2", "10.99.10.40", "10.99.10.1"]
    assert detail["oam_floating_ip"] == "10.10.10.33"
    assert detail["systemcontroller-gateway-ip"] == "192.168.204.101"
    with site.runtime.unit_of_work() as session:
        taken = TakenNetworks(session)
        for span in (Span(4, 0x0A630A28, 0x0A630A30), Span(6, 0xFD990010 << 96, (0xFD990010 << 96) + 2)):
            assert taken.owner_of(span) == "edge-1"
        assert taken.owner_of(Span(4, 0x0A630A29, 0x0A630A30)) is None


def test_masked_secrets_overwrite_nothing(site: Site) -> None:
    in_sync(site)
    take_over(site)
    change_there(site, bootstrap__address="10.10.10.99", admin_password="******")
    copy = site.there.subcloud_in("region-of-edge-1")
    copy["data_install"] = copy["data_install"].replace("c2VjcmV0", "******")
    audit(site)
    assert (saved(site)["bootstrap-address"], saved(site)["admin_password"]) == ("10.10.10.99", "c2VjcmV0")
    assert "c2VjcmV0" in subcloud(site)["data_install"]


@pytest.mark.parametrize("error", [PeerRefused("it is being rehomed", status=409), GONE])
def test_what_changed_here_alone_stays_although_it_began_to_be_sent(site: Site, error: PeerError) -> None:
    in_sync(site)
    site.change(Subcloud, 1, description="moved to rack 5")
    site.peer.fail(error, on="update_subcloud")
    site.ask_for_sync()
    site.run_jobs()
    take_over(site)
    audit(site)
    assert subcloud(site)["description"] == "moved to rack 5"
    assert site.standing() == ("out-of-sync", "out-of-sync")
    assert "edge-1 (not synced yet: description)" in message(site)
    assert "lost" not in message(site)


def test_what_changed_here_alone_stays_also_when_all_is_to_be_sent_again(site: Site) -> None:
    in_sync(site)
    with site.runtime.unit_of_work() as session:
        association = session.get(PeerGroupAssociation, 1)
        assert association is not None
        forget_pushes(session, association)
        session.commit()
    site.change(Subcloud, 1, description="moved to rack 5")
    take_over(site)
    audit(site)
    assert subcloud(site)["description"] == "moved to rack 5"
    assert "lost" not in message(site)


def test_what_changed_here_alone_stays_and_waits_for_a_sync(site: Site) -> None:
    in_sync(site)
    site.change(Subcloud, 1, description="moved to rack 5")
    take_over(site)
    audit(site)
    assert subcloud(site)["description"] == "moved to rack 5"
    assert states(site)["edge-1"] == FOLLOWING
    assert site.standing() == ("out-of-sync", "out-of-sync")
    assert "edge-1 (not synced yet: description)" in message(site)


def test_values_changed_at_both_sites_are_the_leaders_and_losses_are_named(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    in_sync(site)
    site.change(Subcloud, 1, description="moved to rack 5")
    take_over(site)
    change_there(site, bootstrap__address="10.10.10.99")
    with caplog.at_level(logging.WARNING):
        audit(site)
    assert subcloud(site)["description"] == "rack 4"
    assert saved(site)["bootstrap-address"] == "10.10.10.99"
    assert site.standing() == ("in-sync", "in-sync")
    assert "edge-1 (description, bootstrap address)" in message(site)
    assert "edge-1 (description, bootstrap address)" in caplog.text


def test_what_was_lost_stays_said_when_nothing_new_is_found(site: Site) -> None:
    in_sync(site)
    site.change(Subcloud, 1, description="moved to rack 5")
    take_over(site)
    change_there(site, bootstrap__address="10.10.10.99")
    audit(site)
    said = message(site)
    audit(site)
    assert message(site) == said != "None"
