"""A hint to the executor may be lost: what it was about is found in the rows, and done, by the reconciler."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import dcapi
from dcapi.jobs.queued import QueuedJobs
from dcapi.lab.polling import wait_until
from dcapi.models import PeerGroupAssociation
from tests.integration.sync.conftest import Site, leading_site
from tests.subcloud_forms import form, new_form

# One job at a time, one more that waits, and a sweep soon.
SETTINGS = {"JOBS_ENGINE": "threads", "JOB_THREADS": 1, "JOB_QUEUE_LIMIT": 1, "RECONCILE_SECONDS": 0.05}
PATIENCE = 60.0


@pytest.fixture
def site(
    prepared_instance: Path, tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """A site that is at work."""
    more = {"SQLALCHEMY_DATABASE_URI": database_uri, **SETTINGS}
    with leading_site(prepared_instance, tmp_path, monkeypatch, **more) as site:
        dcapi.start(site.app)
        yield site
        assert dcapi.stop(site.app)


def wait_in_sync(site: Site) -> None:
    wait_until(
        "both sites to be in sync",
        site.standing,
        lambda standing: standing == ("in-sync", "in-sync"),
        within=PATIENCE,
    )


@contextmanager
def full_queue(site: Site) -> Iterator[None]:
    """Nothing more finds room: one job hangs, and another one waits."""
    jobs = site.runtime.jobs
    begun, released = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        released.wait(PATIENCE)

    jobs.register("hang", hang)
    jobs.register("wait", lambda: None)
    wait_until("room for a job", lambda: jobs.submit("hang", "hang"))
    assert begun.wait(PATIENCE)
    wait_until("the queue to be full", lambda: jobs.submit("wait", "wait"))
    try:
        yield
    finally:
        released.set()


def dropped(site: Site) -> int:
    return site.runtime.jobs.counts()["attend"]["dropped"]


def calls_of_runs(site: Site) -> list[str]:
    """What the peer was asked, but for heartbeats, which come whenever they are due."""
    return [method for method, _ in site.peer.calls if method != "groups"]


def test_a_sync_that_found_the_queue_full_is_done_by_the_reconciler(site: Site) -> None:
    site.add_member()
    site.associate()
    wait_in_sync(site)
    done = len(calls_of_runs(site))
    with full_queue(site):
        before = dropped(site)
        assert site.ask_for_sync()["sync-status"] == "syncing"
        assert dropped(site) > before
        assert (site.association()["sync-status"], len(calls_of_runs(site))) == ("syncing", done)
    wait_in_sync(site)
    assert len(calls_of_runs(site)) > done


def test_a_change_that_found_the_queue_full_is_told_by_the_reconciler(site: Site) -> None:
    site.add_member()
    site.associate()
    wait_in_sync(site)
    with full_queue(site):
        before = dropped(site)
        site.good(site.operator.patch("/subclouds/1", **form(description="Painted")))
        assert dropped(site) > before
    wait_until("the peer to be told", lambda: site.standing() == ("out-of-sync", "out-of-sync"))


@pytest.fixture
def deaf(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Every hint is lost but those of the reconciler, those of jobs to themselves too."""
    submit = site.runtime.jobs.submit

    def lose(*arguments: Any, **options: Any) -> bool:
        if threading.current_thread().name != "reconciler":
            return False
        return submit(*arguments, **options)

    assert isinstance(site.runtime.jobs, QueuedJobs)
    monkeypatch.setattr(site.runtime.jobs, "submit", lose)
    return site


def _associate(site: Site) -> None:
    site.associate()
    wait_in_sync(site)
    assert list(site.ledger()) == ["region-of-edge-1"]


def _change_and_sync(site: Site) -> None:
    _associate(site)
    site.good(site.operator.patch("/subclouds/1", **form(description="Painted")))
    wait_until("the peer to be told", lambda: site.standing() == ("out-of-sync", "out-of-sync"))
    site.ask_for_sync()
    wait_in_sync(site)
    assert site.there.subcloud_in("region-of-edge-1")["description"] == "Painted"


def _finish_deletion(site: Site) -> None:
    _associate(site)
    site.change(PeerGroupAssociation, 1, deleting=True)
    wait_until(
        "the association to be gone",
        lambda: site.operator.get("/peer-group-associations/1").status_code == 404,
    )
    assert site.there.groups == {}


def _deploy(site: Site) -> None:
    added = site.good(site.operator.post("/subclouds", **new_form(7)))
    wait_until(
        "the subcloud to be deployed",
        lambda: site.good(site.operator.get(f"/subclouds/{added['id']}"))["deploy-status"],
        lambda status: status == "complete",
        within=PATIENCE,
    )


@pytest.mark.parametrize("work", [_associate, _change_and_sync, _finish_deletion, _deploy])
def test_when_every_hint_is_lost_the_reconciler_does_it_all(deaf: Site, work: Callable[[Site], None]) -> None:
    deaf.add_member()
    work(deaf)
