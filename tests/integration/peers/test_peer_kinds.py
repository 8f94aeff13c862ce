"""What a version document tells of the service over there, and when it tells nothing."""

from __future__ import annotations

import pytest

from dcapi.models.states import PeerKind
from dcapi.peers.client import PeerClient
from dcapi.peers.errors import PeerError
from tests.integration.peers.wire import Wire


@pytest.mark.parametrize(
    "content",
    [b'{"versions": [{"id": "v1.0"}]}', b'{"version": "v1.0"}', b"<html></html>", b"null", b"[]"],
)
def test_a_success_without_a_version_is_an_original(wire: Wire, peer: PeerClient, content: bytes) -> None:
    wire.content = content
    assert peer.kind() is PeerKind.ORIGINAL


@pytest.mark.parametrize("status", [400, 403, 404, 405, 500])
def test_a_refusal_of_the_document_is_an_original(wire: Wire, peer: PeerClient, status: int) -> None:
    wire.status = status
    assert peer.kind() is PeerKind.ORIGINAL


@pytest.mark.parametrize("status", [302, 401, 429, 502, 503, 504])
def test_what_passes_by_itself_tells_nothing_of_the_kind(wire: Wire, peer: PeerClient, status: int) -> None:
    wire.status = status
    with pytest.raises(PeerError):
        peer.kind()


def test_a_version_document_of_any_content_is_ours(wire: Wire, peer: PeerClient) -> None:
    wire.body = {"version": {}, "abilities": ["of a later release"]}
    assert peer.kind() is PeerKind.OURS
    assert wire.last.path == "/v1.0/"
