"""Who runs the jobs of a process: a table that the setting JOBS_ENGINE looks into."""

from __future__ import annotations

from collections.abc import Callable

from dcapi.errors import SettingsError
from dcapi.jobs.executor import ThreadedJobs
from dcapi.jobs.inline import InlineJobs
from dcapi.jobs.port import Jobs
from dcapi.settings import Settings


def _threads(settings: Settings) -> Jobs:
    return ThreadedJobs(threads=settings.JOB_THREADS, limit=settings.JOB_QUEUE_LIMIT)


def _inline(settings: Settings) -> Jobs:
    return InlineJobs(limit=settings.JOB_QUEUE_LIMIT)


ENGINES: dict[str, Callable[[Settings], Jobs]] = {"threads": _threads, "inline": _inline}


def make_jobs(settings: Settings) -> Jobs:
    """The engine that the settings name, not started; raises SettingsError when there is no such one."""
    try:
        make = ENGINES[settings.JOBS_ENGINE]
    except KeyError:
        raise SettingsError(
            f"DCAPI_JOBS_ENGINE={settings.JOBS_ENGINE!r} is not one of: {', '.join(ENGINES)}"
        ) from None
    return make(settings)
