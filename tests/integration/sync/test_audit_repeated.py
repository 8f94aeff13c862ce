"""Audits at a primary site that are done again: what was found once is no news."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import audit, everything, in_sync, states, take_over


@pytest.mark.parametrize("said", ["x" * 501, "", None, "two\nlines", "\n"])
def test_a_failure_there_is_news_once_whatever_its_reason_looks_like(
    site: Site, said: Any, caplog: pytest.LogCaptureFixture
) -> None:
    in_sync(site)
    take_over(site, failed={"edge-1": said})
    audit(site)
    assert states(site)["edge-1"] == ("unmanaged", "rehome-failed")
    here = everything(site)
    caplog.clear()
    with caplog.at_level(logging.INFO, "dcapi.sync"):
        audit(site)
    assert everything(site) == here
    assert [record.message for record in caplog.records if record.name.startswith("dcapi.sync")] == []
