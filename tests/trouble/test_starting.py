"""What stops a start: another site on the same data, and keys of no use. Each names its reason."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from dcapi.lab.polling import wait_until
from dcapi.lab.site import LabSite, SiteFailedError
from tests.faults.processes import workers_of
from tests.postgres import SKIPPED, server_url, temporary_database


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LabSite]:
    """A site with one worker, not yet started."""
    with ExitStack() as stack:
        settings = {"WORKERS": "1", "THREADS": "4"}
        if request.param == "postgresql":
            if server_url() is None:
                pytest.skip(SKIPPED)
            settings["SQLALCHEMY_DATABASE_URI"] = stack.enter_context(temporary_database())
        yield stack.enter_context(closing(LabSite("site-a", tmp_path / "a", settings=settings)))


def beside(site: LabSite, **otherwise: str) -> LabSite:
    """A server on the same data, of the same site unless it says otherwise."""
    shared = {name: text for name, text in site.settings.items() if name != "BIND"}
    return LabSite("site-a", site.folder.parent / "second", settings={**shared, **otherwise})


def expect_refusal(server: LabSite, *reasons: str) -> None:
    with closing(server), pytest.raises(SiteFailedError) as refusal:
        server.start()
    for reason in reasons:
        assert reason in str(refusal.value)


def test_another_site_on_the_same_data_is_refused_until_the_first_is_gone(site: LabSite) -> None:
    site.start()
    since = ["host ", "since 20", site.public_url]
    expect_refusal(beside(site, SITE_NAME="site-b"), "'site-a'", *since)
    expect_refusal(beside(site, PUBLIC_URL="http://127.0.0.1:9"), *since)
    with closing(beside(site)) as second:
        second.start()
        assert second.stop() == 0
    site.kill()
    with closing(beside(site, SITE_NAME="site-b")) as renamed:
        renamed.start()
        assert renamed.stop() == 0
    site.start()
    assert site.stop() == 0


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_a_worker_that_dies_leaves_the_data_with_its_server(site: LabSite) -> None:
    site.start()
    [worker] = workers_of(site)
    os.kill(worker, signal.SIGKILL)
    wait_until("another worker to come up", lambda: workers_of(site), lambda now: now not in ([], [worker]))
    site.wait_ready()
    expect_refusal(beside(site, SITE_NAME="site-b"), "'site-a'", site.public_url)
    assert site.stop() == 0


def test_of_two_sites_that_start_at_once_on_the_same_data_one_wins(site: LabSite) -> None:
    with closing(beside(site, SITE_NAME="site-b")) as other:
        site.launch()
        other.launch()
        started = []
        for server in (site, other):
            try:
                server.wait_ready()
                started.append(server)
            except SiteFailedError as error:
                assert "this database belongs to the server at" in str(error)  # noqa: PT017
        assert len(started) == 1
        assert started[0].stop() == 0
