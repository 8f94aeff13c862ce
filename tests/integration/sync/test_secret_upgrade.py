"""Sites in sync before an upgrade to the table of secrets are so after it: nothing is sent, nothing pulled.

The peer shows all, as the version before does to an ``admin``, or masks by the table.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from alembic import command
from sqlalchemy import select

from dcapi import migrations
from dcapi.api.database import db
from dcapi.models import PushedMember, Subcloud
from dcapi.models.secret_values import data_install, rehome_data
from tests.canary_values import CANARIES, spelled
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import audit, change_there, everything, in_sync, message, take_over
from tests.subcloud_forms import form

BEFORE = "0011"
REGION = "region-of-edge-1"
INSTALL_VALUES = {"boot": spelled()["boot"], "bmc_password": "x"}
OPTIONS = [pytest.param(False, id="all-shown"), pytest.param(True, id="masked")]


def migrate(site: Site, *steps: Any) -> None:
    with site.app.app_context(), db.engine.begin() as connection:
        for step, revision in steps:
            step(migrations._config(connection), revision)


@pytest.fixture
def upgraded(site: Site) -> Site:
    """A pair that was in sync with the version before, upgraded."""
    member = site.add_member("edge-1", **spelled())
    with site.runtime.unit_of_work() as session:
        data_install.write(
            session.get_one(Subcloud, member), {"boot": spelled()["boot"], "bmc_password": "x"}
        )
        session.commit()
    in_sync(site, "edge-2")
    migrate(site, (command.downgrade, BEFORE))
    assert CANARIES["github_token"] in shown_values(site, member)
    assert "*" not in str(outlines(site)["github_token"] + outlines(site)["boot"])
    migrate(site, (command.upgrade, "head"))
    assert CANARIES["github_token"] not in shown_values(site, member)
    return site


def shown_values(site: Site, member: int) -> str:
    """What the row of a member shows of its values; an older one lacks columns of today."""
    with site.runtime.unit_of_work() as session:
        return str(session.scalars(select(Subcloud.rehome_data).where(Subcloud.id == member)).one())


def outlines(site: Site) -> dict[str, Any]:
    """The digest of what the peer was sent of the first member."""
    with site.runtime.unit_of_work() as session:
        query = select(PushedMember.digest).where(PushedMember.region_name == REGION)
        saved: dict[str, Any] = json.loads(session.scalars(query).one() or "")["saved_payload"]
        return saved


def stored(site: Site) -> tuple[Any, Any]:
    row = site.read(Subcloud)
    return rehome_data.read(row), data_install.read(row)


def let_peer_mask(site: Site, monkeypatch: pytest.MonkeyPatch, masked: bool) -> None:
    """The peer hides what the table calls secret from this site's user, if ``masked``."""
    if masked:
        members, shown = site.there.group_members, site.there.shown
        monkeypatch.setattr(site.there, "group_members", lambda ref: list(map(shown, members(ref))))


@pytest.mark.parametrize("masked", OPTIONS)
def test_a_pair_in_sync_is_in_sync_after_an_upgrade_and_sends_nothing(
    upgraded: Site, monkeypatch: pytest.MonkeyPatch, masked: bool
) -> None:
    assert upgraded.standing() == ("in-sync", "in-sync")
    let_peer_mask(upgraded, monkeypatch, masked)
    before = upgraded.there.digest()
    upgraded.ask_for_sync()
    upgraded.run_jobs()
    assert upgraded.standing() == ("in-sync", "in-sync")
    assert upgraded.peer.count["update_subcloud"] == upgraded.peer.count["add_secondary"] == 0
    assert upgraded.there.digest() == before


@pytest.mark.parametrize("masked", OPTIONS)
def test_no_audit_pulls_anything_after_an_upgrade(
    upgraded: Site, monkeypatch: pytest.MonkeyPatch, masked: bool
) -> None:
    before = stored(upgraded)
    take_over(upgraded)
    let_peer_mask(upgraded, monkeypatch, masked)
    audit(upgraded)
    assert stored(upgraded) == before
    assert upgraded.standing() == ("in-sync", "in-sync")
    assert message(upgraded) == "None"
    settled = everything(upgraded)
    audit(upgraded)
    assert everything(upgraded) == settled


def test_a_secret_that_was_changed_there_is_pulled_after_an_upgrade(upgraded: Site) -> None:
    take_over(upgraded)
    change_there(upgraded, github_token="new", boot="quiet rootpw=new")
    audit(upgraded)
    saved = stored(upgraded)[0]["saved_payload"]
    assert saved == {**saved, "github_token": "new", "boot": "quiet rootpw=new"}
    assert saved["client_secret"] == CANARIES["client_secret"]


@pytest.mark.parametrize("masked", OPTIONS)
def test_a_secret_that_is_changed_here_is_sent_after_an_upgrade(
    upgraded: Site, monkeypatch: pytest.MonkeyPatch, masked: bool
) -> None:
    values = {**stored(upgraded)[0]["saved_payload"], "github_token": "new"}
    values.pop("bootstrap-address")
    with monkeypatch.context() as patched:
        let_peer_mask(upgraded, patched, masked)
        upgraded.good(upgraded.operator.patch("/subclouds/edge-1", **form(bootstrap_values=values)))
        upgraded.ask_for_sync()
        upgraded.run_jobs()
    assert upgraded.standing() == ("in-sync", "in-sync")
    assert upgraded.peer.count["update_subcloud"] == 1
    assert upgraded.there.saved_payload(REGION)["github_token"] == "new"


def test_the_version_before_reads_as_admin_what_it_knows(upgraded: Site) -> None:
    [shown, _] = upgraded.good(upgraded.operator.get("/subcloud-peer-groups/trains/subclouds"))["subclouds"]
    saved = json.loads(shown["rehome_data"])["saved_payload"]
    assert saved == {**saved, **spelled()}
    assert json.loads(shown["data_install"]) == INSTALL_VALUES
