"""The README's walk-through does what it says, and so do phases: commands are run, and print what is shown.

What they print is standard output: the log of a command, with its line for the audit log, is not shown.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dcapi.lab.site import PROJECT_ROOT
from tests.integration.docs.walkthrough import (
    Shell,
    comparable,
    places_of,
    read_walkthrough,
    sections_of,
    sites_for,
)

pytestmark = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("bash")), reason="the walk-through needs bash and curl"
)

README = PROJECT_ROOT / "README.md"
USAGE = PROJECT_ROOT / "docs" / "usage.md"
# The sections that are one session at one terminal.
SECTIONS = ("Pair two sites", "Users")
# One of another page, which goes on in that session.
FURTHER = ("Deploy in phases",)


def test_the_walkthrough_prints_what_it_shows(tmp_path: Path) -> None:
    text = sections_of(README.read_text(), SECTIONS) + sections_of(USAGE.read_text(), FURTHER)
    walkthrough = read_walkthrough(text)
    assert walkthrough.steps
    with sites_for(walkthrough, tmp_path) as sites, Shell(places_of(sites), tmp_path) as shell:
        for step in walkthrough.steps:
            assert comparable(shell.run(step.commands)) == comparable(step.shown), step.commands
