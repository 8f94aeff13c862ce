"""A site after its first start with the new code, on a database of an old version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import dcapi
from dcapi import KINDS, create_app
from dcapi.api.database import db
from dcapi.api.request import EXTENSION
from dcapi.jobs.inline import InlineJobs
from dcapi.models import Subcloud
from dcapi.peers.errors import PeerUnavailable
from dcapi.runtime import Runtime
from dcapi.sync.reconcile import Reconciler
from dcapi.tasks.runner import tasks_due
from tests.conftest import site_settings
from tests.fakes.peer import FakePeer, FakePeers
from tests.fakes.peer_site import FakeSite
from tests.integration.beside_peer import PEER_UUID
from tests.integration.database.old_database import OldDatabase
from tests.integration.kept_tasks import make_due, tasks

# Rounds of the reconciler after which everything has ended.
ENOUGH = 20


def settings(old: OldDatabase, instance: Path, **more: Any) -> dict[str, Any]:
    given = {"SQLALCHEMY_DATABASE_URI": old.uri, "ADMIN_PASSWORD": "", "REHOME_RETRY_SECONDS": 0}
    return site_settings(instance, **given, **more)


@dataclass
class Upgraded:
    """The site after its first start with the new code; its peer is away."""

    app: Flask

    @property
    def runtime(self) -> Runtime:
        built: Runtime = self.app.extensions[EXTENSION]
        return built

    def finish(self) -> None:
        """Let the reconciler find what is due until nothing is left to do."""
        jobs = self.runtime.jobs
        assert isinstance(jobs, InlineJobs)
        for _ in range(ENOUGH):
            make_due(self.runtime)
            Reconciler(self.runtime, [partial(tasks_due, self.runtime, KINDS)]).sweep()
            jobs.run_waiting(delayed=False)
            if not tasks(self.runtime):
                return
        raise AssertionError([(task.kind, task.subject_id) for task in tasks(self.runtime)])

    def read(self, model: Any, row_id: int) -> Any:
        with self.runtime.unit_of_work() as session:
            return session.get_one(model, row_id)

    def subcloud(self, row_id: int) -> tuple[str, str]:
        """Deploy status, and why it is that."""
        row = self.read(Subcloud, row_id)
        return row.deploy_status, row.error_description


@contextmanager
def upgraded(
    old: OldDatabase, instance: Path, monkeypatch: pytest.MonkeyPatch, **more: Any
) -> Iterator[Upgraded]:
    peer = FakePeer(FakeSite(PEER_UUID))
    peer.fail(PeerUnavailable("connection refused"), times=None)
    monkeypatch.setattr(dcapi, "Peers", lambda *_: FakePeers({1: peer}))
    site = create_app(settings(old, instance, **more))
    yield Upgraded(site)
    with site.app_context():
        db.engine.dispose()
