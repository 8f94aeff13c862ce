"""Lets the processes of one site see a clock that is wrong: ``shifted/sitecustomize.py`` says how."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dcapi.lab.site import LabSite

SHIFTED = Path(__file__).parent / "shifted"
# A little more than an hour, for which tokens and what work keeps secret are good.
HOUR = 3660.0


@contextmanager
def sites_by_files() -> Iterator[None]:
    """Sites that are started inside go by the files beside them; without one their clock is right."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(SHIFTED))
        yield


def set_clock(site: LabSite, ahead: float) -> None:
    """Set the clock of a site, so many seconds ahead of the right time, for all its processes at once."""
    draft = site.folder / "clock.new"
    draft.write_text(str(ahead))
    draft.replace(site.folder / "clock")
