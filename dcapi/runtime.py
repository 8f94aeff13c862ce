"""What a use case works with, made once for each process by ``create_app`` and handed down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from dcapi.deploy.port import Deployer
from dcapi.jobs.port import Jobs
from dcapi.jobs.quota import KeyedQuota, Quota
from dcapi.jobs.shared_questions import SharedQuestions
from dcapi.jobs.wakeup import Wakeup
from dcapi.models.database_probe import DatabaseProbe
from dcapi.peers.port import Peers
from dcapi.settings import Settings

# Yields a session of its own; what is not committed inside is rolled back at the end.
UnitOfWork = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True)
class Site:
    """Who this site is."""

    uuid: str
    name: str


@dataclass(frozen=True)
class Runtime:
    settings: Settings
    site: Site
    unit_of_work: UnitOfWork
    # Looks at the database for /readyz.
    database: DatabaseProbe
    jobs: Jobs
    peers: Peers
    deployer: Deployer
    # Request threads that wait for an outcome, and those that call a peer while their client waits.
    waiters: Quota
    peer_callers: Quota
    # Job threads that call a peer, by the id of its row: one that hangs must not get them all.
    peer_jobs: KeyedQuota
    # By the id of a group: the association whose peer migrates it. Peers are read for that.
    group_looks: SharedQuestions[int]
    # Rung when there is news for the watch over the peers.
    monitor_wakeup: Wakeup
    # Under this name the process takes leases.
    owner: str
