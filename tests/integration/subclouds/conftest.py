"""Fixtures of the tests of subclouds."""

from __future__ import annotations

import pytest

from dcapi.runtime import Runtime
from tests.integration.subclouds.fleet import Fleet
from tests.site_client import SiteClient


@pytest.fixture
def fleet(operator: SiteClient, other_site: SiteClient, runtime: Runtime) -> Fleet:
    return Fleet(operator, other_site, runtime)
