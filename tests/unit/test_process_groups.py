"""Tests that share servers stay in one process, which pytest-xdist has to see from their marks."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("shared-servers")
def test_marks_for_one_process_reach_those_who_share_out_the_tests(request: pytest.FixtureRequest) -> None:
    """Some versions of pytest ignore what pytest-xdist writes there; then each process starts all servers."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("tests run in one process: there is nothing to share out")
    assert request.node.nodeid.endswith("@shared-servers")
