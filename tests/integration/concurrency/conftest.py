"""Two processes of one site, kept for all tests of a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration.concurrency.twins import Twins, running_twins
from tests.postgres import SKIPPED, server_url, temporary_database, together

# Tests of one database stay in one process of the test run: the servers take longer to start than most tests.
DATABASES = [pytest.param(name, marks=together("concurrency", name)) for name in ("sqlite", "postgresql")]


@pytest.fixture(scope="package", params=DATABASES)
def twins(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """The servers, which end with the tests of this folder; a test makes groups and subclouds of its own."""
    with ExitStack() as stack:
        uri = ""
        if request.param == "postgresql":
            if server_url() is None:
                pytest.skip(SKIPPED)
            uri = stack.enter_context(temporary_database())
        yield stack.enter_context(running_twins(tmp_path_factory.mktemp("twins"), uri))
