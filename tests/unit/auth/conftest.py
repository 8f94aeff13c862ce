"""Fixtures of what a site keeps of its users and tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcapi.instance import InstanceFolder


@pytest.fixture
def folder(tmp_path: Path) -> InstanceFolder:
    return InstanceFolder(tmp_path)
