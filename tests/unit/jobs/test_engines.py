"""The choice of an engine by a setting."""

from __future__ import annotations

import pytest

from dcapi.errors import SettingsError
from dcapi.jobs.engines import make_jobs
from dcapi.jobs.executor import ThreadedJobs
from dcapi.jobs.inline import InlineJobs
from dcapi.settings import Settings


@pytest.mark.parametrize(("word", "engine"), [("threads", ThreadedJobs), ("inline", InlineJobs)])
def test_the_setting_names_the_engine(word: str, engine: type) -> None:
    assert isinstance(make_jobs(Settings(JOBS_ENGINE=word)), engine)


def test_an_engine_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(
        SettingsError, match="DCAPI_JOBS_ENGINE='carrier-pigeon' is not one of: threads, inline"
    ):
        make_jobs(Settings(JOBS_ENGINE="carrier-pigeon"))
