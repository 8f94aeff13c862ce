"""Fixtures of the tests of subclouds."""

from __future__ import annotations

import pytest

from dcapi.parts import Parts
from tests.integration.subclouds.fleet import Fleet
from tests.site_client import SiteClient


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """Push none, unlike pytest-flask: under it all requests of a test share one session and its snapshot."""


@pytest.fixture
def fleet(operator: SiteClient, other_site: SiteClient, parts: Parts) -> Fleet:
    return Fleet(operator, other_site, parts)
