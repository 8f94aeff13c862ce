"""dcapi: the Distributed Cloud manager API as a Flask service.

``create_app`` reads the settings, builds the parts and hands them to each other. What the parts do is theirs.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Flask

from dcapi import api, cli
from dcapi.api import proxies, request_ids
from dcapi.api.application import Application
from dcapi.api.database import open_database, unit_of_work_of
from dcapi.api.request import EXTENSION
from dcapi.auth import guard
from dcapi.deploy.registry import deployer_of
from dcapi.instance import InstanceFolder
from dcapi.jobs.bell import Bell
from dcapi.jobs.engines import make_jobs
from dcapi.jobs.guard import Guard, Shares
from dcapi.log import configure_logging
from dcapi.parts import Parts
from dcapi.peers.directory import Peers
from dcapi.preparation import Prepared, prepare
from dcapi.services import deployment, network_reconfiguration, prestaging, undeployment
from dcapi.settings import PREFIX, Settings, settings_from
from dcapi.sync import migrate, migrate_member, reconcile
from dcapi.sync.attendance import attend
from dcapi.sync.changes import ATTEND_JOB
from dcapi.sync.monitor import Monitor

__all__ = ["create_app", "prepare", "start", "stop"]

RUNNING = "dcapi.running"

# What the reconciler asks for work that is due.
SOURCES = (
    reconcile.associations_undone,
    reconcile.attribute_changes_undone,
    deployment.deployments_due,
    migrate.migrations_due,
    network_reconfiguration.WORK.due,
    prestaging.WORK.due,
    undeployment.undeployments_due,
)


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """Build a site from the DCAPI_* environment; ``overrides`` (by setting name) win over it.

    Nothing runs in the background before ``start``. Raises SettingsError when the settings describe no site.
    """
    app = Application("dcapi", static_folder=None)
    settings = _configure(app, overrides or {})
    configure_logging(settings)
    prepared = prepare(settings)
    open_database(app, settings, prepared.database_uri, prepared.keyring)
    app.extensions[EXTENSION] = parts = _build_parts(app, settings, prepared)
    _register_jobs(parts)
    guard.install(app, settings)
    api.register(app)
    cli.register(app)
    request_ids.register(app)  # last, so that whatever answers further in does so under an id
    proxies.register(app, settings)  # before all of it, so that everybody sees the same client
    return app


def _configure(app: Flask, overrides: Mapping[str, Any]) -> Settings:
    app.config.from_object(Settings())
    app.config.from_prefixed_env(PREFIX.rstrip("_"), loads=str)
    app.config.update(overrides)
    settings = settings_from(app.config)
    app.config.from_object(settings)
    app.instance_path = str(InstanceFolder.of(settings).path)
    return settings


def _build_parts(app: Flask, settings: Settings, prepared: Prepared) -> Parts:
    return Parts(
        settings=settings,
        site=prepared.site,
        unit_of_work=unit_of_work_of(app),
        jobs=make_jobs(settings),
        peers=Peers(settings),
        deployer=deployer_of(settings),
        waiters=Guard(settings.THREADS // 2),
        peer_callers=Guard(max(1, settings.THREADS // 4)),
        peer_jobs=Shares(max(2, settings.JOB_THREADS // 4)),
        monitor_bell=Bell(),
        owner=f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}",
    )


def _register_jobs(parts: Parts) -> None:
    parts.jobs.register(ATTEND_JOB, partial(attend, parts))
    parts.jobs.register(reconcile.RECOVER_ATTRIBUTES_JOB, partial(reconcile.recover_attributes, parts))
    parts.jobs.register(deployment.JOB, partial(deployment.step, parts))
    parts.jobs.register(migrate.GROUP_JOB, partial(migrate.coordinate, parts))
    parts.jobs.register(migrate.MEMBER_JOB, partial(migrate_member.take_over, parts))
    parts.jobs.register(undeployment.JOB, partial(undeployment.step, parts))
    for work in (network_reconfiguration.WORK, prestaging.WORK):
        parts.jobs.register(work.name, partial(work.step, parts))


@dataclass(frozen=True)
class Running:
    """What works in the background of one process."""

    reconciler: reconcile.Reconciler
    monitor: Monitor


def start(app: Flask) -> None:
    """Start the jobs and the reconciler of this process; to be called once, after any fork."""
    parts: Parts = app.extensions[EXTENSION]
    running = Running(reconcile.Reconciler(parts, SOURCES), Monitor(parts))
    app.extensions[RUNNING] = running
    parts.jobs.start()
    running.reconciler.start()
    running.monitor.start()


def stop(app: Flask) -> bool:
    """Drain the jobs within DRAIN_SECONDS; returns whether all ended. A sweep finds what was cut off."""
    parts: Parts = app.extensions[EXTENSION]
    running: Running | None = app.extensions.pop(RUNNING, None)
    if running is None:
        return True
    running.reconciler.stop()
    running.monitor.stop()
    drained = parts.jobs.drain(parts.settings.DRAIN_SECONDS)
    parts.deployer.close()
    parts.peers.close()
    return drained
