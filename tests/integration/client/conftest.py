"""Two real sites, and the official client of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcapi.lab.pair import Pair
from dcapi.lab.site import LabSite
from tests.integration.client.official import OfficialClient, password_plugin

SETTINGS = {"WORKERS": "2", "THREADS": "8", "RECONCILE_SECONDS": "2"}


@pytest.fixture(scope="package")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two sites that know each other, up for all tests of this folder; a test makes what it needs."""
    with Pair(tmp_path_factory.mktemp("client"), settings=SETTINGS) as made:
        made.introduce()
        yield made


def client_of(site: LabSite) -> OfficialClient:
    return OfficialClient.logged_in(password_plugin(f"{site.url}/v3", "admin", site.admin_password))


@pytest.fixture(scope="package")
def client(pair: Pair) -> OfficialClient:
    """At the site that leads."""
    return client_of(pair.a)


@pytest.fixture(scope="package")
def other_client(pair: Pair) -> OfficialClient:
    """At the other site."""
    made = client_of(pair.b)
    # What its catalogue names is the way that the other site takes, which tests may disturb.
    made.http.base_url = f"{pair.b.url}/v1.0"
    return made
