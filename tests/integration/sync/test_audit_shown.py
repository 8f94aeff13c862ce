"""Audits at a primary site whose peer shows values in its own way: to add, spell or hide is not to change."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from dcapi.models import Subcloud
from dcapi.models.secret_values import data_install
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import (
    audit,
    change_there,
    come_home,
    everything,
    in_sync,
    message,
    saved,
    subcloud,
    take_over,
)
from tests.subcloud_forms import form, install_values

# Stored by every member of these tests; what the peer was sent of it.
PASSWORD = "c2VjcmV0"
ENCODED_AGAIN = base64.b64encode(PASSWORD.encode()).decode()
NEW_PASSWORD = base64.b64encode(b"Capstan-5").decode()


def change_here(site: Site, **parts: Any) -> None:
    site.good(site.operator.patch("/subclouds/edge-1", **form(**parts)))
    site.run_jobs()


def install_there(site: Site, **values: Any) -> None:
    """The install values at the peer, as it shows them from now on."""
    copy = site.there.subcloud_in("region-of-edge-1")
    copy["data_install"] = json.dumps(json.loads(copy["data_install"]) | values)


def installed(site: Site) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(subcloud(site)["data_install"])
    return values


def sync_at_home(site: Site) -> None:
    come_home(site)
    site.peer.calls.clear()
    site.ask_for_sync()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")


# -- What changed here alone stays --


@pytest.mark.parametrize(
    "shown",
    [
        {"secondary": "true", "region_name": "region-of-edge-1"},
        {"location": "Ottawa", "description": "rack 4"},
        {"bootstrap__address": "2001:db8::20"},
        {"admin_password": ENCODED_AGAIN},
        {"admin_password": "******"},
        {"systemcontroller_gateway_address": "192.168.204.103"},
        {"added_by_the_peer": "x"},
    ],
)
def test_a_change_of_this_site_stays_whatever_the_copy_looks_like(site: Site, shown: dict[str, Any]) -> None:
    address: dict[str, Any] = {"bootstrap-address": "2001:DB8::0020"} if "bootstrap__address" in shown else {}
    site.add_member("edge-1", **address)
    in_sync(site, "edge-2")
    change_here(site, description="Needs a new lamp")
    change_there(site, **shown)
    take_over(site)
    audit(site)
    assert subcloud(site)["description"] == "Needs a new lamp"
    assert message(site) == "Differs from peer site-b: edge-1 (not synced yet: description)."
    here = everything(site)
    audit(site)
    assert everything(site) == here
    sync_at_home(site)
    assert site.there.subcloud_in("region-of-edge-1")["description"] == "Needs a new lamp"


def test_additions_of_the_leader_come_over_and_changes_here_stay(site: Site) -> None:
    in_sync(site)
    change_here(site, description="Needs a new lamp")
    change_there(site, docker="registry")
    install_there(site, image="http://10.0.0.1/image")
    take_over(site)
    audit(site)
    assert (subcloud(site)["description"], saved(site)["docker"]) == ("Needs a new lamp", "registry")
    assert installed(site)["image"] == "http://10.0.0.1/image"


def test_a_changed_password_there_is_a_change_there(site: Site) -> None:
    in_sync(site)
    change_here(site, description="Needs a new lamp")
    change_there(site, admin_password=NEW_PASSWORD)
    take_over(site)
    audit(site)
    assert (subcloud(site)["description"], saved(site)["admin_password"]) == ("rack 4", NEW_PASSWORD)
    assert message(site).endswith("edge-1 (description, bootstrap values).")


def test_a_value_that_was_added_at_both_sites_is_the_leaders(site: Site) -> None:
    in_sync(site)
    values = {key: value for key, value in saved(site).items() if key != "bootstrap-address"}
    change_here(site, bootstrap_values={**values, "docker": "ours"})
    change_there(site, docker="theirs")
    take_over(site)
    audit(site)
    assert saved(site)["docker"] == "theirs"
    assert message(site).endswith("replaced here by the leader's values: edge-1 (bootstrap values).")


# -- Passwords that the peer hides --


@pytest.mark.parametrize("hidden", ["******", None])
def test_a_password_that_changed_here_is_not_known_to_a_peer_that_hides_it(site: Site, hidden: Any) -> None:
    in_sync(site)
    change_here(site, bmc_password=NEW_PASSWORD)
    install_there(site, bmc_password=hidden)
    take_over(site)
    audit(site)
    assert installed(site)["bmc_password"] == NEW_PASSWORD
    assert site.standing() == ("out-of-sync", "out-of-sync")
    assert message(site) == "Differs from peer site-b: edge-1 (not synced yet: install values)."
    sync_at_home(site)
    assert site.peer.count["update_subcloud"] == 1
    assert (
        json.loads(site.there.subcloud_in("region-of-edge-1")["data_install"])["bmc_password"] == NEW_PASSWORD
    )


def test_hidden_password_stays_unsent_when_other_values_give_way(site: Site) -> None:
    in_sync(site)
    change_here(site, bmc_password=NEW_PASSWORD, description="Needs a new lamp")
    install_there(site, bmc_password="******")
    change_there(site, bootstrap__address="10.10.10.99")
    take_over(site)
    audit(site)
    assert "edge-1 (not synced yet: install values)" in message(site)
    assert "edge-1 (description, bootstrap address)" in message(site)
    sync_at_home(site)
    assert site.peer.count["update_subcloud"] == 1


def test_a_hidden_password_that_did_not_change_is_no_difference(site: Site) -> None:
    in_sync(site)
    install_there(site, bmc_password="******")
    take_over(site)
    audit(site)
    assert (site.standing(), message(site)) == (("in-sync", "in-sync"), "None")
    sync_at_home(site)
    assert site.peer.count["update_subcloud"] == 0


def test_install_values_that_were_added_here_are_not_there_yet(site: Site) -> None:
    site.add_member("edge-1")
    with site.runtime.unit_of_work() as session:
        data_install.write(session.get(Subcloud, 1), None)
        session.commit()
    in_sync(site, "edge-2")
    change_here(site, install_values=install_values(), bmc_password=NEW_PASSWORD)
    take_over(site)
    audit(site)
    assert message(site) == "Differs from peer site-b: edge-1 (not synced yet: install values)."
    sync_at_home(site)
    assert site.there.subcloud_in("region-of-edge-1")["data_install"] is not None
