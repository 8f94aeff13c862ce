"""A workshop for each test, of which nothing runs on afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.deploy.playbooks import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    made.playbooks.mkdir()
    (tmp_path / "instance").mkdir(mode=0o700)
    yield made
    made.close()
