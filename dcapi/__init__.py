"""dcapi: the Distributed Cloud manager API as a Flask service.

``create_app`` reads the settings, builds the parts and hands them to each other. What the parts do is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import make_url

from dcapi import api, cli, migrations
from dcapi.api import database_time, proxies, request_ids, safe_headers, site_certificates
from dcapi.api.application import Application
from dcapi.api.database import open_database, unit_of_work_of
from dcapi.api.request import EXTENSION
from dcapi.auth import guard
from dcapi.deploy.registry import deployer_of
from dcapi.instance import InstanceFolder
from dcapi.jobs.engines import make_jobs
from dcapi.jobs.quota import KeyedQuota, Quota
from dcapi.jobs.shared_questions import SharedQuestions
from dcapi.jobs.wakeup import Wakeup
from dcapi.log import configure_logging
from dcapi.models.database_probe import DatabaseProbe
from dcapi.models.engine import request_seconds
from dcapi.peers.directory import Peers
from dcapi.preparation import Prepared, prepare
from dcapi.runtime import Runtime
from dcapi.services import system_peers
from dcapi.services.deploying import deployment, network_reconfiguration, prestaging, undeployment
from dcapi.settings import PREFIX, Settings, settings_from
from dcapi.sync import attributes
from dcapi.sync.attend import attend
from dcapi.sync.changes import ATTEND_JOB
from dcapi.sync.reconcile import Reconciler, Source, associations_outstanding
from dcapi.sync.takeover import coordination, rehoming
from dcapi.sync.watch.monitor import Monitor
from dcapi.tasks import holders
from dcapi.tasks.runner import TASK_JOB, TaskKind, make_steps, tasks_due

__all__ = ["create_app", "prepare", "start", "stop"]

RUNNING = "dcapi.running"

# All kinds of long work.
TASK_KINDS: tuple[TaskKind[Any, Any], ...] = (
    attributes.TASK,
    coordination.TASK,
    deployment.TASK,
    network_reconfiguration.TASK,
    prestaging.TASK,
    rehoming.TASK,
    undeployment.TASK,
)
KINDS = {kind.name: kind for kind in TASK_KINDS}


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """Build a site from the DCAPI_* environment; ``overrides`` (by setting name) win over it.

    Nothing runs in the background before ``start``. Raises SettingsError when the settings describe no site.
    """
    app = Application("dcapi", static_folder=None)
    settings = _configure(app, overrides or {})
    configure_logging(settings)
    prepared = prepare(settings, serves=not cli.is_command())
    engine = open_database(app, settings, prepared.database_uri, prepared.keyring)
    app.extensions[EXTENSION] = runtime = _build_runtime(app, settings, prepared)
    runtime.database.learn_from(engine)
    _register_jobs(runtime)
    site_certificates.register(app, settings)
    guard.install(app, settings)
    api.register(app, settings)
    cli.register(app)
    database_time.register(app, request_seconds(settings, prepared.database_uri))
    request_ids.register(app)  # last, so that whatever answers further in does so under an id
    safe_headers.register(app)
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


def _build_runtime(app: Flask, settings: Settings, prepared: Prepared) -> Runtime:
    unit_of_work = unit_of_work_of(app)
    return Runtime(
        settings=settings,
        site=prepared.site,
        unit_of_work=unit_of_work,
        database=DatabaseProbe(make_url(prepared.database_uri), migrations.is_current),
        jobs=make_jobs(settings),
        peers=Peers(settings, partial(system_peers.note_login, unit_of_work)),
        deployer=deployer_of(settings),
        waiters=Quota(settings.THREADS // 2),
        peer_callers=Quota(max(1, settings.THREADS // 4)),
        peer_jobs=KeyedQuota(max(2, settings.JOB_THREADS // 4)),
        group_looks=SharedQuestions(),
        monitor_wakeup=Wakeup(),
        owner=holders.own_name(),
    )


def _register_jobs(runtime: Runtime) -> None:
    runtime.jobs.register(ATTEND_JOB, partial(attend, runtime))
    runtime.jobs.register(TASK_JOB, partial(make_steps, runtime, KINDS))


def sources(runtime: Runtime) -> tuple[Source, ...]:
    """What the reconciler asks for work that is due."""
    return associations_outstanding, partial(tasks_due, runtime, KINDS)


@dataclass(frozen=True)
class Running:
    """What works in the background of one process."""

    reconciler: Reconciler
    monitor: Monitor


def start(app: Flask) -> None:
    """Start the jobs and the reconciler of this process; to be called once, after any fork."""
    runtime: Runtime = app.extensions[EXTENSION]
    running = Running(Reconciler(runtime, sources(runtime)), Monitor(runtime))
    app.extensions[RUNNING] = running
    runtime.jobs.start()
    running.reconciler.start()
    running.monitor.start()


def stop(app: Flask) -> bool:
    """Drain the jobs within DRAIN_SECONDS; returns whether all ended. A sweep finds what was cut off."""
    runtime: Runtime = app.extensions[EXTENSION]
    running: Running | None = app.extensions.pop(RUNNING, None)
    if running is None:
        return True
    running.reconciler.stop()
    running.monitor.stop()
    drained = runtime.jobs.drain(runtime.settings.DRAIN_SECONDS)
    runtime.deployer.close()
    runtime.peers.close()
    return drained
