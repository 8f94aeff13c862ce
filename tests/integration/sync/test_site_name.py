"""A site that is started under another name leads its groups under it, and its peers' copies are due."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import click
import pytest

from dcapi import cli, create_app, prepare
from dcapi.errors import SettingsError
from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup, SystemPeer
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import in_sync, take_over
from tests.integration.sync.test_monitor import heartbeat

NAME = "harbour-office"


def start(site: Site, name: str = NAME, **settings: Any) -> None:
    """What any process of the site does first, with another name in its settings."""
    prepare(replace(site.runtime.settings, SITE_NAME=name, **settings))


def leader(site: Site, group_id: int = 1) -> str:
    return site.read(SubcloudPeerGroup, group_id).system_leader_name


def test_another_name_is_that_of_the_leader_and_reaches_the_peer_by_a_sync(quiet: Site) -> None:
    before = quiet.row()
    start(quiet)
    assert leader(quiet) == NAME
    row = quiet.row()
    assert (row.sync_status, row.revision) == ("out-of-sync", before.revision + 1)
    quiet.run_jobs()
    assert quiet.there.group_named("trains")["system_leader_name"] == quiet.runtime.site.name
    quiet.ask_for_sync()
    quiet.run_jobs()
    assert quiet.standing() == ("in-sync", "in-sync")
    assert quiet.there.group_named("trains")["system_leader_name"] == NAME
    # The next start under that name has nothing to do.
    start(quiet)
    assert quiet.row().revision == row.revision


def test_the_groups_of_a_peer_that_is_away_have_failed_to_get_the_name(quiet: Site) -> None:
    quiet.change(SystemPeer, 1, availability_state="unavailable")
    start(quiet)
    row = quiet.row()
    assert (row.sync_status, row.sync_cause) == ("failed", "unreachable")


def test_only_groups_that_this_site_leads_get_its_name(quiet: Site) -> None:
    for name in ("boats", "buses"):
        quiet.good(quiet.operator.post("/subcloud-peer-groups", json={"peer-group-name": name}))
    elsewhere = {"system_leader_id": quiet.there.uuid, "system_leader_name": "elsewhere"}
    quiet.change(SubcloudPeerGroup, 3, **elsewhere)
    start(quiet)
    assert [leader(quiet, group_id) for group_id in (1, 2, 3)] == [NAME, NAME, "elsewhere"]


def test_processes_that_start_at_once_rename_the_groups_once(quiet: Site) -> None:
    before = quiet.row().revision
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: start(quiet), range(4)))
    assert (leader(quiet), quiet.row().revision) == (NAME, before + 1)


def test_a_start_that_is_refused_renames_nothing(quiet: Site) -> None:
    with pytest.raises(SettingsError, match="is not this database's site"):
        start(quiet, SITE_UUID=quiet.there.uuid)
    assert (leader(quiet), quiet.row().sync_status) == (quiet.runtime.site.name, "in-sync")


def test_a_command_that_knows_no_name_of_the_site_changes_none(quiet: Site) -> None:
    overrides = {**quiet.app.config, "SITE_NAME": NAME}
    with click.Context(cli.dcapi_group):
        create_app(overrides)
    assert (leader(quiet), quiet.row().sync_status) == (quiet.runtime.site.name, "in-sync")
    create_app(overrides)
    assert (leader(quiet), quiet.row().sync_status) == (NAME, "out-of-sync")


def test_the_new_name_of_a_peer_that_leads_is_read_from_it(site: Site) -> None:
    in_sync(site)
    take_over(site)
    heartbeat(site)
    heard: dict[Any, Any] = {}
    there = site.there.group_named("trains")
    there.update(
        {"migration_status": None, "system_leader_name": NAME, "updated-at": "2026-01-01 00:00:00.0"}
    )
    heartbeat(site, heard=heard)
    assert leader(site) == NAME
    # It has to be audited for that once.
    asked = site.read(PeerGroupAssociation).audit_asked
    heartbeat(site, heard=heard)
    assert site.read(PeerGroupAssociation).audit_asked == asked
