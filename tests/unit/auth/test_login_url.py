"""Where callers log in, by what the settings say."""

from __future__ import annotations

import pytest

from dcapi.auth.login_url import login_url, v3_url
from dcapi.settings import settings_from

KEYSTONE = {
    "AUTH_STRATEGY": "keystone",
    "KEYSTONE_AUTH_URL": "http://10.0.0.1:5000",
    "KEYSTONE_USERNAME": "dcapi",
    "KEYSTONE_PASSWORD": "secret",
}


@pytest.mark.parametrize(
    "given", ["http://k:5000", "http://k:5000/", "http://k:5000/v3", "http://k:5000/v3/"]
)
def test_the_version_may_be_left_out(given: str) -> None:
    assert v3_url(given) == "http://k:5000/v3"


def test_a_path_before_the_version_stays() -> None:
    assert v3_url("https://cloud/identity") == "https://cloud/identity/v3"


def test_users_of_the_site_log_in_there() -> None:
    assert login_url(settings_from({}), "https://site") == "https://site/v3"


def test_others_log_in_at_keystone() -> None:
    assert login_url(settings_from(KEYSTONE), "https://site") == "http://10.0.0.1:5000/v3"
    public = settings_from({**KEYSTONE, "KEYSTONE_PUBLIC_URL": "https://keystone"})
    assert login_url(public, "https://site") == "https://keystone/v3"
