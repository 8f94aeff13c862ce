"""Which session a client gets, and which URLs are called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcapi.peers.address import PeerAddress
from dcapi.peers.catalogue import MANAGER, PLATFORM, bad_url, find_public_url, versioned
from dcapi.peers.directory import Peers
from dcapi.peers.session import Sessions
from dcapi.settings import Settings

ADDRESS = PeerAddress(1, "u", "site-b", "http://b:5000/v3", "admin", "eA==", "192.168.204.102", True)


def test_an_equal_address_gets_the_session_that_is_kept() -> None:
    sessions = Sessions(Settings())
    assert sessions.session(ADDRESS) is sessions.session(replace(ADDRESS))


@pytest.mark.parametrize(
    "change",
    [{"password": "eQ=="}, {"endpoint": "http://c:5000/v3"}, {"username": "other"}, {"enabled": False}],
)
def test_a_changed_address_gets_a_new_session_in_place_of_the_old_one(change: dict[str, object]) -> None:
    sessions = Sessions(Settings())
    old = sessions.session(ADDRESS)
    new = sessions.session(replace(ADDRESS, **change))  # type: ignore[arg-type]
    assert new is not old
    assert sessions.session(new.address) is new


def test_the_session_not_used_for_longest_goes_first() -> None:
    sessions = Sessions(Settings(), keep=2)
    first, second, third = (replace(ADDRESS, id=number) for number in (1, 2, 3))
    kept, dropped = sessions.session(first), sessions.session(second)
    sessions.session(first)
    sessions.session(third)
    assert sessions.session(first) is kept
    assert sessions.session(second) is not dropped


def test_a_request_has_the_time_to_connect_and_to_read() -> None:
    settings = replace(Settings(), PEER_CONNECT_TIMEOUT=2.0, PEER_READ_TIMEOUT=3.0)
    assert Peers(settings).client(ADDRESS).request_limit == 5.0


@pytest.mark.parametrize(
    "url",
    ["http://b", "https://b.example:6385/v1", "http://[fd01::2]:8119/v1.0", "http://10.10.10.12:8119/"],
)
def test_a_plain_url_can_be_called(url: str) -> None:
    assert bad_url(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        None,
        5,
        "",
        "b:8119",
        "//b/v1",
        "ftp://b",
        "file:///etc/passwd",
        "http://",
        "http:///v1",
        "http://user@b",
        "http://user:pass@b",
        "http://@b",
        "http://b:port",
        "http://b:99999",
        "http://[fd01::2",
        "http://b/ v1",
        "http://b/\nv1",
        "http://b\\@c",
        "http://b?x=1",
        "http://b#x",
        "http://bé",
    ],
)
def test_any_other_url_is_not_called(url: object) -> None:
    assert bad_url(url) != ""


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://b:8119", "http://b:8119/v1.0"),
        ("http://b:8119/", "http://b:8119/v1.0"),
        ("http://b:8119/v1.0", "http://b:8119/v1.0"),
        ("http://b:8119/v1.0/", "http://b:8119/v1.0"),
        ("https://b/manager/v1", "https://b/manager/v1.0"),
        ("https://v1.0", "https://v1.0/v1.0"),
    ],
)
def test_a_root_ends_in_one_version(url: str, root: str) -> None:
    assert versioned(url, MANAGER) == root
    assert versioned(url, PLATFORM) == root.removesuffix(".0")


@pytest.mark.parametrize("catalogue", [None, 5, "x", {}, [], [[]], [{"type": "dcmanager", "endpoints": 5}]])
def test_a_catalogue_of_any_shape_is_searched(catalogue: object) -> None:
    assert find_public_url(catalogue, MANAGER) is None


def test_the_public_endpoint_of_the_right_region_is_found() -> None:
    places = [
        {"interface": "internal", "region": "SystemController", "url": "http://internal"},
        {"interface": "public", "region": "RegionOne", "url": "http://other"},
        {"interface": "public", "region_id": "SystemController", "url": "http://here"},
    ]
    catalogue = [None, {"type": "platform"}, {"type": "dcmanager", "endpoints": places}]
    assert find_public_url(catalogue, MANAGER) == "http://here"
    assert find_public_url(catalogue, PLATFORM) is None
