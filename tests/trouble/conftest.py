"""These tests run alone: the seconds that a client waits are their deadlines."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

IS_ALONE = "DCAPI_TEST_ALONE" in os.environ
FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder unless they are alone."""
    alone = pytest.mark.skipif(not IS_ALONE, reason="seconds count here: make test-trouble plays it alone")
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(alone)
