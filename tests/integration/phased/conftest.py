"""Fixtures of the tests of deployments phase by phase."""

from __future__ import annotations

import pytest

from dcapi.runtime import Runtime
from tests.integration.phased.phases import Phased
from tests.integration.subclouds.fleet import Fleet
from tests.site_client import SiteClient


@pytest.fixture
def fleet(operator: SiteClient, other_site: SiteClient, runtime: Runtime) -> Fleet:
    return Fleet(operator, other_site, runtime)


@pytest.fixture
def phased(fleet: Fleet) -> Phased:
    return Phased(fleet)
