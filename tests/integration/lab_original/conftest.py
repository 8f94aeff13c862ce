from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcapi.lab.original.version import Version
from tests.integration.lab_original.originals import Originals


@pytest.fixture
def originals() -> Iterator[Originals]:
    """Two sites of the newest version, with a group of two members that is in sync."""
    with Originals() as made:
        made.share()
        yield made


@pytest.fixture(params=list(Version), ids=lambda version: str(version.name))
def originals_of_each(request: pytest.FixtureRequest) -> Iterator[Originals]:
    """The same for each version, on both sites."""
    with Originals(request.param) as made:
        made.share()
        yield made
