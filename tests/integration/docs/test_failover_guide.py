"""The operator's guide does what it says: a site is lost where it says so, and is back where it says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dcapi.lab.site import PROJECT_ROOT
from tests.integration.docs.walkthrough import Shell, comparable, places_of, read_walkthrough, sites_for

pytestmark = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("bash")), reason="the guide needs bash and curl"
)

GUIDE = PROJECT_ROOT / "docs" / "failover.md"
LOST, BACK = "site-a is lost here", "site-a is back here"


def test_the_guide_prints_what_it_shows(tmp_path: Path) -> None:
    guide = read_walkthrough(GUIDE.read_text())
    assert guide.events == [LOST, BACK]
    with sites_for(guide, tmp_path) as sites, Shell(places_of(sites), tmp_path) as shell:
        happens = {LOST: sites[0].kill, BACK: sites[0].start}
        for step in guide.steps:
            for event in step.events:
                happens[event]()
            assert comparable(shell.run(step.commands)) == comparable(step.shown), step.commands
