"""Audits at a primary site whose peer has values that cannot be stored: they stay there, nothing breaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sync.conftest import Site, leading_site
from tests.integration.sync.takeovers import (
    FOLLOWING,
    audit,
    come_home,
    everything,
    in_sync,
    message,
    saved,
    states,
    subcloud,
    take_over,
)
from tests.subcloud_forms import new_form

# JSON texts: what an object of Python cannot say, or says at the cost of a recursion.
DEEP = '{"a": ' * 450 + "1" + "}" * 450
UNFIT = ["NaN", "-Infinity", "1" + "0" * 400, DEEP, '"\\u0000"', '"\\ud800"']


def rehome_there(site: Site, key: str, value: str) -> None:
    """Put a JSON text among the values at the peer, whatever it says."""
    copy = site.there.subcloud_in("region-of-edge-1")
    payload = json.loads(copy["rehome_data"])["saved_payload"]
    rest = json.dumps({one: payload[one] for one in payload if one != key} | {"docker": "new"})
    copy["rehome_data"] = f'{{"saved_payload": {{{json.dumps(key)}: {value}, {rest[1:]}}}'


def follows_with_own_values(site: Site, before: dict[str, Any], what: str) -> None:
    """What an audit of unfit values leads to; once more, and at home again."""
    site.good(site.operator.get("/subclouds"))
    now = subcloud(site)
    assert (now["rehome_data"], now["data_install"]) == (before["rehome_data"], before["data_install"])
    assert states(site)["edge-1"] == FOLLOWING
    assert site.standing() == ("out-of-sync", "out-of-sync")
    assert message(site) == f"Differs from peer site-b: edge-1 (its values there cannot be stored: {what})."
    here = everything(site)
    audit(site)
    assert everything(site) == here
    come_home(site)
    site.ask_for_sync()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")


@pytest.mark.parametrize("value", UNFIT, ids=range(len(UNFIT)))
def test_bootstrap_values_that_cannot_be_stored_stay_there(site: Site, value: str) -> None:
    in_sync(site)
    before = subcloud(site)
    rehome_there(site, "extra", value)
    take_over(site)
    audit(site)
    follows_with_own_values(site, before, "bootstrap values")


@pytest.mark.parametrize("value", ["null", "5", '{"a": 1}', '"nowhere"', '"******"'])
def test_a_bootstrap_address_that_is_none_stays_there(site: Site, value: str) -> None:
    in_sync(site)
    before = subcloud(site)
    rehome_there(site, "bootstrap-address", value)
    take_over(site)
    audit(site)
    assert saved(site)["bootstrap-address"] == "10.10.10.12"
    follows_with_own_values(site, before, "bootstrap values")


@pytest.mark.parametrize("value", ["5", '["x"]', '{"a": 1}', '"x"'])
def test_a_subnet_that_is_none_stays_there_and_new_subclouds_can_be_added(site: Site, value: str) -> None:
    in_sync(site)
    before = subcloud(site)
    rehome_there(site, "admin_subnet", value)
    take_over(site)
    audit(site)
    follows_with_own_values(site, before, "bootstrap values")
    site.good(site.operator.post("/subclouds", **new_form(3)))


@pytest.mark.parametrize("value", UNFIT, ids=range(len(UNFIT)))
def test_install_values_that_cannot_be_stored_stay_there(site: Site, value: str) -> None:
    in_sync(site)
    before = subcloud(site)
    copy = site.there.subcloud_in("region-of-edge-1")
    copy["data_install"] = f'{{"extra": {value}, {copy["data_install"][1:]}'
    take_over(site)
    audit(site)
    follows_with_own_values(site, before, "install values")


def test_what_can_be_stored_comes_over_beside_what_cannot(site: Site) -> None:
    in_sync(site)
    rehome_there(site, "extra", "NaN")
    copy = site.there.subcloud_in("region-of-edge-1")
    copy |= {"description": "x" * 256, "location": "Turku"}
    take_over(site)
    audit(site)
    now = subcloud(site)
    assert (now["description"], now["location"]) == ("rack 4", "Turku")
    assert "cannot be stored: description, bootstrap values" in message(site)


def test_values_as_long_as_the_site_takes_them_come_over(
    prepared_instance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = ["x" * 1024] * 1000
    with leading_site(prepared_instance, tmp_path, monkeypatch, MAX_YAML_LENGTH=8_000_000) as site:
        in_sync(site)
        rehome_there(site, "extra", json.dumps(long))
        copy = site.there.subcloud_in("region-of-edge-1")
        copy["data_install"] = json.dumps({**json.loads(copy["data_install"]), "extra": long})
        take_over(site)
        audit(site)
        assert saved(site)["extra"] == long
        assert json.loads(subcloud(site)["data_install"])["extra"] == long
        assert site.standing() == ("in-sync", "in-sync")


def test_values_longer_than_the_site_takes_them_stay_there(
    prepared_instance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with leading_site(prepared_instance, tmp_path, monkeypatch, MAX_YAML_LENGTH=2048) as site:
        in_sync(site)
        before = subcloud(site)
        rehome_there(site, "extra", json.dumps("x" * 2048))
        take_over(site)
        audit(site)
        follows_with_own_values(site, before, "bootstrap values")
