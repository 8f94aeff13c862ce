"""The README's walk-through does what it says: its commands are run, and print what it shows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dcapi.lab.site import LabSite
from tests.integration.docs.walkthrough import (
    README,
    Step,
    comparable,
    read_walkthrough,
    run_steps,
    site_for,
)

pytestmark = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("bash")), reason="the walk-through needs bash and curl"
)

ADDRESSES = ("127.0.0.1:8119", "127.0.0.1:8219")
FOLDERS = ("instance/site-a", "instance/site-b")


@pytest.fixture
def steps() -> list[Step]:
    return read_walkthrough(README.read_text())[1]


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[list[LabSite]]:
    """The sites that the walk-through starts, with deployments that take no time."""
    environments, _ = read_walkthrough(README.read_text())
    with ExitStack() as stack:
        started = [site_for(settings, tmp_path / str(n)) for n, settings in enumerate(environments)]
        for site in started:
            stack.callback(site.close)
            site.launch()
        for site in started:
            site.wait_ready()
        yield started


def test_the_walkthrough_prints_what_it_shows(sites: list[LabSite], steps: list[Step]) -> None:
    places = dict(zip(ADDRESSES, (site.port.address for site in sites), strict=True))
    folders = dict(zip(FOLDERS, (str(site.folder / "instance") for site in sites), strict=True))
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("DCAPI_")}

    outputs = run_steps(steps, places | folders, inherited)

    assert len(outputs) == len(steps)
    for step, output in zip(steps, outputs, strict=True):
        assert comparable(output) == comparable(step.shown), step.commands
