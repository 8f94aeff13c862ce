"""Fixtures of the tests of subclouds."""

from __future__ import annotations

import pytest

from dcapi.parts import Parts
from tests.integration.subclouds.fleet import Fleet
from tests.site_client import SiteClient


@pytest.fixture
def fleet(operator: SiteClient, other_site: SiteClient, parts: Parts) -> Fleet:
    return Fleet(operator, other_site, parts)
