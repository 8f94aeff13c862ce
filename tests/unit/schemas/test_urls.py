"""What counts as the URL of a peer."""

from __future__ import annotations

import pytest

from dcapi.schemas.fields import is_http_url


@pytest.mark.parametrize(
    "text",
    [
        "http://192.0.2.1:5000/v3",
        "HTTPS://site-b.example/v3/",
        "http://[2001:db8::1]:5000/v3",
        "http://controller_1",
        "https://site-b.example:5000/identity/v3;x=1,y@z",
        "http://site-b.example/%7Euser",
    ],
)
def test_a_url_with_a_host_is_taken(text: str) -> None:
    assert is_http_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://\U000db42d\U0009eb29&",
        "http://sité.example/v3",
        "http://a b/v3",
        "http://a&b/v3",
        "http://site-b/v3<",
        "http://site-b/%zz",
        "http://site-b:70000/v3",
        "http://[::1/v3",
        "http://[nine]/v3",
        "http://[1:2]/v3",
        "http://user@site-b/v3",
        "http://site-b/v3?x=1",
        "http://site-b/v3#x",
        "http:///v3",
        "ftp://site-b/v3",
        "site-b/v3",
        "http://site-b/v3\n",
    ],
)
def test_a_url_that_no_host_can_have_is_refused(text: str) -> None:
    assert not is_http_url(text)
