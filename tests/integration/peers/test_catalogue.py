"""What a login says of where a peer's services are: the catalogue in every shape."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.peers.client import PeerClient
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from tests.integration.peers.servers import GROUPS, LOGIN, PeerServer, answer, catalogue, cut, endpoint

NO_GROUPS = answer({"subcloud_peer_groups": []})


def test_a_service_that_moved_while_it_was_away_is_found(server: PeerServer, client: PeerClient) -> None:
    """The token is good for longer than the place that came with it, and no 401 ever says so."""
    server.answers[GROUPS] = NO_GROUPS
    client.groups()
    server.answers[GROUPS] = cut()
    server.answers["GET /other/v1.0/subcloud-peer-groups"] = NO_GROUPS
    server.catalogue = catalogue(server.url, "/other")
    with pytest.raises(PeerUnavailable):
        client.groups()
    before = len(server.asked())
    assert client.groups() == []
    assert server.asked()[before:] == [LOGIN, "GET /other/v1.0/subcloud-peer-groups"]


def test_a_service_that_was_in_no_catalogue_is_found_once_it_is(
    server: PeerServer, client: PeerClient
) -> None:
    server.answers[GROUPS] = NO_GROUPS
    whole, server.catalogue = server.catalogue, []
    with pytest.raises(PeerRefused, match="dcmanager"):
        client.groups()
    server.catalogue = whole
    assert client.groups() == []


@pytest.mark.parametrize("manager", ["", "/", "/v1.0", "/v1.0/", "/v1"])
@pytest.mark.parametrize("platform", ["", "/v1", "/v1/"])
def test_endpoints_may_end_in_a_version_or_not(
    server: PeerServer, client: PeerClient, manager: str, platform: str
) -> None:
    server.catalogue = catalogue(server.url, manager, platform)
    server.answers[GROUPS] = NO_GROUPS
    server.answers["GET /v1/isystems"] = answer({"isystems": [{"uuid": "some-uuid"}]})
    assert client.groups() == []
    assert client.system_uuid() == "some-uuid"


def manager_only_in(**place: str) -> Any:
    there = endpoint("http://127.0.0.1:1/v1.0", "SystemController") | place
    return [{"type": "dcmanager", "endpoints": [there]}]


MISSING = "has no public endpoint of type dcmanager in region SystemController"
CALLABLE = "cannot be called"
CATALOGUES: dict[str, tuple[Any, str]] = {
    "none": ([], MISSING),
    "null": (None, MISSING),
    "an object": ({"dcmanager": {"url": "http://127.0.0.1"}}, MISSING),
    "garbage entries": ([5, None, {}, {"type": "dcmanager", "endpoints": [7, "x"]}], MISSING),
    "other region": (manager_only_in(region="RegionOne", region_id="RegionOne"), MISSING),
    "not public": (manager_only_in(interface="internal"), MISSING),
    "null url": ([{"type": "dcmanager", "endpoints": [{"interface": "public"}]}], MISSING),
    "other scheme": (manager_only_in(url="ftp://127.0.0.1/v1.0"), CALLABLE),
    "file": (manager_only_in(url="file:///etc/passwd"), CALLABLE),
    "user": (manager_only_in(url="http://me:you@127.0.0.1/v1.0"), CALLABLE),
    "no host": (manager_only_in(url="http:///v1.0"), CALLABLE),
    "bad port": (manager_only_in(url="http://127.0.0.1:x/v1.0"), CALLABLE),
    "control": (manager_only_in(url="http://127.0.0.1/\r\nX: y"), CALLABLE),
}


@pytest.mark.parametrize("name", CATALOGUES)
def test_a_catalogue_without_the_service_is_refused_and_says_so(
    server: PeerServer, client: PeerClient, name: str
) -> None:
    server.catalogue, reason = CATALOGUES[name]
    with pytest.raises(PeerRefused, match=reason):
        client.groups()
    assert server.asked() == [LOGIN]
