"""Which addresses of a peer's name are connected to, at each connection anew."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dcapi.peers.client import PeerClient
from dcapi.peers.directory import Peers
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from tests.certificates import NAME, self_signed
from tests.integration.peers.conftest import PATIENT, address_of
from tests.integration.peers.servers import GROUPS, LOGIN, PeerServer, answer, catalogue, cut

NO_GROUPS = answer({"subcloud_peer_groups": []})
HERE, METADATA = "127.0.0.1", "169.254.169.254"
REACHED = replace(PATIENT, BIND="0.0.0.0:8119")

Names = dict[str, list[list[str]]]
ClientOf = Callable[..., PeerClient]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Name → what each look at it finds, one after the other; the last one for all that follow."""
    found: Names = {}
    resolve = socket.getaddrinfo

    def look(host: str, port: int | None, *args: Any, **options: Any) -> Any:
        if host not in found or options.get("flags"):
            return resolve(host, port, *args, **options)
        addresses = found[host].pop(0) if len(found[host]) > 1 else found[host][0]
        return [one for address in addresses for one in resolve(address, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    return found


@pytest.fixture
def client_of() -> Iterator[ClientOf]:
    """A client for an endpoint; the site listens everywhere, unless other settings are given."""
    made: list[Peers] = []

    def make(endpoint: str, **settings: Any) -> PeerClient:
        made.append(Peers(replace(REACHED, **settings)))
        return made[-1].client(address_of(endpoint))

    yield make
    for peers in made:
        peers.close()


def at_name(server: PeerServer) -> str:
    """The server's endpoint by name; what it answers leads to the same name."""
    url = server.url.replace(HERE, NAME)
    server.catalogue = catalogue(url)
    server.answers[GROUPS] = NO_GROUPS
    return f"{url}/v3"


@pytest.mark.parametrize("address", [METADATA, "fe80::1", f"::ffff:{METADATA}"])
def test_a_name_at_a_link_local_address_is_not_called(
    names: Names, client_of: ClientOf, address: str
) -> None:
    names[NAME] = [[address]]
    for settings in ({}, {"PEER_ALLOWED_HOSTS": NAME}, {"PEER_LOOPBACK": True}):
        with pytest.raises(PeerRefused, match=f"{NAME} is at .*, which is a link-local address"):
            client_of(f"http://{NAME}:80/v3", **settings).groups()


def test_a_name_at_this_machine_is_called_if_the_site_says_so(
    server: PeerServer, names: Names, client_of: ClientOf
) -> None:
    names[NAME] = [[HERE]]
    endpoint = at_name(server)
    with pytest.raises(PeerRefused, match="DCAPI_PEER_LOOPBACK=true") as refusal:
        client_of(endpoint).groups()
    assert not refusal.value.maybe_sent
    assert server.asked() == []
    for settings in (
        {"PEER_LOOPBACK": True},
        {"BIND": "127.0.0.1:8119"},
        {"PEER_ALLOWED_HOSTS": NAME},
    ):
        assert client_of(endpoint, **settings).groups() == []


def test_of_several_addresses_those_that_are_refused_are_passed_over(
    server: PeerServer, names: Names, client_of: ClientOf
) -> None:
    names[NAME] = [[METADATA, "::ffff:169.254.1.1", HERE]]
    assert client_of(at_name(server), PEER_LOOPBACK=True).groups() == []


def test_the_address_that_was_judged_is_the_one_that_is_called(
    server: PeerServer, names: Names, client_of: ClientOf
) -> None:
    """A name that says something else at each look: there is one look for each connection."""
    names[NAME] = [[HERE], [METADATA]]
    client = client_of(at_name(server), PEER_LOOPBACK=True)
    assert client.groups() == []
    assert client.groups() == []
    server.answers[GROUPS] = cut()
    with pytest.raises(PeerRefused, match="link-local"):  # by the second try, on another connection
        client.groups()
    assert server.connections() == 1


def test_tls_goes_on_to_name_and_check_the_host(names: Names, client_of: ClientOf, tmp_path: Path) -> None:
    certificate, asked = self_signed(tmp_path), []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    trusted = {"PEER_LOOPBACK": True, "PEER_CA_FILE": str(certificate)}
    names[NAME] = names["other.test"] = [[HERE]]
    with PeerServer(context) as server:
        assert client_of(at_name(server), **trusted).groups() == []
        assert asked == [NAME]
        with pytest.raises(PeerRefused, match="certificate is not trusted"):
            client_of(f"https://other.test:{server.port}/v3", **trusted).groups()


def test_a_catalogue_may_name_an_address_of_the_identity_service(
    server: PeerServer, names: Names, client_of: ClientOf
) -> None:
    endpoint = at_name(server)
    server.catalogue = catalogue(server.url)
    names[NAME] = [[HERE, "10.0.0.6"]]
    assert client_of(endpoint, PEER_LOOPBACK=True).groups() == []
    server.catalogue = catalogue("http://10.0.0.7:1")
    with pytest.raises(PeerRefused, match=f"10.0.0.7 is not the host of its identity service, {NAME}: name"):
        client_of(endpoint, PEER_LOOPBACK=True).groups()
    assert server.asked()[-1] == LOGIN


def test_a_catalogue_waits_for_a_name_that_does_not_resolve_now(
    server: PeerServer, client_of: ClientOf, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    names[NAME] = [[HERE]]
    endpoint = at_name(server)
    server.catalogue = catalogue(server.url)

    def lost(*_: object) -> set[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr("dcapi.peers.trust.addresses_of", lost)
    with pytest.raises(PeerUnavailable, match="cannot be resolved"):
        client_of(endpoint, PEER_LOOPBACK=True).groups()


def test_a_catalogue_leads_to_nothing_link_local(server: PeerServer, client_of: ClientOf) -> None:
    server.catalogue = catalogue(f"http://{METADATA}")
    with pytest.raises(PeerRefused, match="link-local address: these are never called"):
        client_of(server.endpoint, PEER_LOOPBACK=True).groups()
