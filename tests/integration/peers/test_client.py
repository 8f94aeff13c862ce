"""What each call puts on the wire, and what each kind of answer becomes."""

from __future__ import annotations

import pytest
import yaml

from dcapi.peers.client import PeerClient
from dcapi.peers.errors import SUBCLOUD, PeerError, PeerRefused, PeerUnavailable
from dcapi.peers.payload import SubcloudPayload
from dcapi.peers.texts import LONGEST_TEXT
from tests.groups import group_values
from tests.integration.peers.calls import CALLS, GROUP, PAYLOAD, REGION, SUBCLOUD_ROW, VALUES
from tests.integration.peers.wire import Wire

SITE = "dcmanager/1.0"
DELETIONS = ("delete_group", "delete_association", "delete_subcloud")
# Nonsense in place of a version document tells what runs there: test_peer_kinds.py.
PARSED = sorted(set(CALLS) - set(DELETIONS) - {"kind"})


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_one_request_as_the_contract_says(wire: Wire, peer: PeerClient, name: str) -> None:
    call, (method, path, body, from_site), wire.body, result = CALLS[name]
    assert call(peer) == result
    sent = wire.last
    assert (sent.method, sent.path) == (method, path)
    assert (sent.get_json() if sent.is_json else None) == body
    assert (sent.headers["User-Agent"] == SITE) is from_site
    assert sent.headers["User-Header"] == "distcloud"
    assert sent.headers["X-Auth-Token"] == "token-1"
    assert sent.headers["Accept"] == "application/json"
    assert (len(wire.requests), peer.requests) == (1, 2)


def test_every_call_of_the_port_is_tried_here() -> None:
    calls = {name for name in dir(PeerClient) if not name.startswith("_")}
    assert calls - {"before_request", "request_limit", "requests"} == set(CALLS)


def test_a_creation_is_a_form_of_two_files_and_texts(wire: Wire, peer: PeerClient) -> None:
    wire.body = SUBCLOUD_ROW
    peer.add_secondary(PAYLOAD)
    assert wire.last.mimetype == "multipart/form-data"
    assert wire.forms[0] == {
        "secondary": "true",
        "name": "edge-1",
        "region_name": REGION,
        "bootstrap-address": "10.10.10.12",
        "description": "",
        "location": "Montréal",
        "release": "24.09",
    }
    files = {name: yaml.safe_load(content) for name, content in wire.files[0].items()}
    assert files == {"bootstrap_values": VALUES, "install_values": PAYLOAD.install_values}


def test_an_update_sends_the_group_and_not_the_names(wire: Wire, peer: PeerClient) -> None:
    wire.body = SUBCLOUD_ROW
    peer.update_subcloud(REGION, PAYLOAD)
    assert wire.forms[0] == {
        "bootstrap_address": "10.10.10.12",
        "peer_group": "1",
        "description": "",
        "location": "Montréal",
        "release": "24.09",
    }
    assert set(wire.files[0]) == {"bootstrap_values", "install_values"}


def test_what_a_payload_leaves_out_is_not_sent(wire: Wire, peer: PeerClient) -> None:
    wire.body = SUBCLOUD_ROW
    peer.update_subcloud(REGION, SubcloudPayload("edge-1", REGION, peer_group="none"))
    assert (wire.forms, wire.files) == ([{"peer_group": "none"}], [{}])
    assert wire.last.mimetype == "multipart/form-data"


def test_a_subcloud_is_asked_for_by_two_texts_alone(wire: Wire, peer: PeerClient) -> None:
    wire.body = SUBCLOUD_ROW
    peer.cede_subcloud(REGION)
    assert (wire.forms, wire.files) == ([{"management-state": "unmanaged", "migrate": "true"}], [{}])
    assert wire.last.mimetype == "multipart/form-data"


def test_what_is_unmanaged_there_is_not_unmanaged_again(wire: Wire, peer: PeerClient) -> None:
    wire.body = SUBCLOUD_ROW
    peer.cede_subcloud(REGION, managed=False)
    assert (wire.forms, wire.files) == ([{"migrate": "true"}], [{}])
    assert wire.last.mimetype == "multipart/form-data"


GARBAGE: dict[str, bytes] = {
    "empty": b"",
    "not utf-8": b'{"id": "\xff"}',
    "html": b"<html><body>hello</body></html>",
    "truncated": b'{"id": 1',
    "null": b"null",
    "number": b"5",
    "text": b'"text"',
    "empty list": b"[]",
    "list of numbers": b"[1, 2]",
    "empty object": b"{}",
    "id is text": b'{"id": "1", "isystems": "x", "subclouds": {}, "message": 5}',
    "id is true": b'{"id": true, "isystems": [true], "subclouds": [true], "message": []}',
    "id is huge": b'{"id": 99999999999999999999999, "isystems": [{"uuid": 5}], "message": {}}',
    "id is negative": b'{"id": -1, "isystems": [null], "subclouds": [null], "message": 1.5}',
    "id is nan": b'{"id": NaN}',
    "no systems": b'{"isystems": [], "subclouds": [[]], "message": true}',
    "nul in texts": b'{"id": 1, "message": "\\u0000", "isystems": [{"uuid": "\\u0000"}]}',
    "deep": b"[" * 100_000,
    "deep object": b'{"id":' * 100_000,
}


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("name", PARSED)
def test_an_answer_that_makes_no_sense_is_refused(
    wire: Wire, peer: PeerClient, name: str, garbage: str
) -> None:
    call, (method, *_), _, _ = CALLS[name]
    wire.content = GARBAGE[garbage]
    if name == "audit_group" and garbage == "empty object":
        assert call(peer) is None
        return
    with pytest.raises(PeerRefused, match=r"the answer makes no sense: .* was expected") as refusal:
        call(peer)
    assert refusal.value.maybe_sent is (method != "GET")
    assert len(wire.requests) == 1


@pytest.mark.parametrize("key", sorted(GROUP))
def test_each_key_of_a_group_is_checked(wire: Wire, peer: PeerClient, key: str) -> None:
    wire.body = {"subcloud_peer_groups": [GROUP, GROUP | {key: ["wrong"]}]}
    with pytest.raises(PeerRefused, match=f"a (text|(small )?number) as {key} was expected"):
        peer.groups()


@pytest.mark.parametrize("key", ["group_priority", "max_subcloud_rehoming"])
def test_a_number_that_no_column_takes_is_refused(wire: Wire, peer: PeerClient, key: str) -> None:
    wire.body = {"subcloud_peer_groups": [GROUP | {key: 2**31}]}
    with pytest.raises(PeerRefused, match=f"a small number as {key} was expected"):
        peer.groups()


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_nothing_follows_it(
    wire: Wire, peer: PeerClient, name: str, status: int
) -> None:
    call = CALLS[name][0]
    wire.status = status
    with pytest.raises(PeerRefused, match="is not followed") as refusal:
        call(peer)
    assert (refusal.value.status, refusal.value.maybe_sent) == (status, False)
    assert len(wire.requests) == 1


PAGE = b"""<html>
 <head>
  <title>404 Not Found</title>
 </head>
 <body>
  <h1>404 Not Found</h1>
  The resource could not be found.<br /><br />
Subcloud not found


 </body>
</html>"""


@pytest.mark.parametrize(
    "content",
    [
        b'{"code": 404, "title": "Not Found", "description": "Subcloud not found"}',
        b'{"error": {"code": 404, "title": "Not Found", "message": "Subcloud not found"}}',
        b'{"error_message": "{\\"faultcode\\": \\"Client\\", \\"faultstring\\": \\"Subcloud not found\\"}"}',
        PAGE,
        b"Subcloud not found",
    ],
)
def test_not_found_is_told_from_every_kind_of_body(wire: Wire, peer: PeerClient, content: bytes) -> None:
    wire.status, wire.content = 404, content
    assert peer.subcloud(REGION) is None
    peer.delete_subcloud("edge-1")
    with pytest.raises(PeerRefused) as refusal:
        peer.cede_subcloud(REGION)
    assert refusal.value.text == "Subcloud not found"
    assert refusal.value.not_found(SUBCLOUD)
    assert refusal.value.message == f"Peer site-b: PATCH subclouds/{REGION}: answered 404: Subcloud not found"


@pytest.mark.parametrize("name", ["system_peer_id", "association", "subcloud", *DELETIONS])
def test_a_page_of_another_server_says_of_nothing_that_it_is_missing(
    wire: Wire, peer: PeerClient, name: str
) -> None:
    wire.status, wire.content = 404, b"<html><body>no such page</body></html>"
    with pytest.raises(PeerRefused, match="no such page"):
        CALLS[name][0](peer)


@pytest.mark.parametrize(
    ("status", "kind", "maybe_sent"),
    [
        (400, PeerRefused, False),
        (403, PeerRefused, False),
        (404, PeerRefused, False),
        (409, PeerRefused, False),
        (422, PeerRefused, False),
        (429, PeerUnavailable, False),
        (500, PeerRefused, True),
        (501, PeerRefused, False),
        (502, PeerUnavailable, True),
        (503, PeerUnavailable, False),
        (504, PeerUnavailable, True),
    ],
)
def test_each_status_is_one_of_two_errors(
    wire: Wire, peer: PeerClient, status: int, kind: type[PeerError], maybe_sent: bool
) -> None:
    wire.status, wire.content = status, b""
    with pytest.raises(PeerError, match=f"answered {status} without further details") as failure:
        peer.add_secondary(PAYLOAD)
    assert type(failure.value) is kind
    assert (failure.value.status, failure.value.text) == (status, "")
    assert failure.value.maybe_sent is maybe_sent
    with pytest.raises(kind) as failure:
        peer.groups()
    assert not failure.value.maybe_sent
    assert len(wire.requests) == 2


@pytest.mark.parametrize("name", DELETIONS)
def test_a_deletion_that_is_answered_by_a_page_is_not_taken_for_one(
    wire: Wire, peer: PeerClient, name: str
) -> None:
    wire.content = b"<html><body>Welcome to the portal</body></html>"
    with pytest.raises(PeerRefused) as refused:
        CALLS[name][0](peer)
    assert refused.value.maybe_sent


def test_echoed_secrets_of_a_peer_stay_out_of_messages(wire: Wire, peer: PeerClient) -> None:
    payload = SubcloudPayload("quay", "r", bootstrap_values={"admin_password": "Qm9sbGFyZCo3"})
    wire.status = 400
    wire.body = {"description": "bad: admin_password=Qm9sbGFyZCo3, that is Bollard*7 or UW05c2JHRnlaQ28z"}
    for call in (lambda: peer.add_secondary(payload), lambda: peer.update_subcloud("r", payload)):
        with pytest.raises(PeerRefused, match=r"admin_password=\*\*\*, that is \*\*\* or \*\*\*") as refusal:
            call()
        assert refusal.value.text.startswith("bad: admin_password=***")


def test_the_message_of_an_audit_is_cut_cleaned_and_without_secrets(wire: Wire, peer: PeerClient) -> None:
    wire.body = {"message": "who\ncalls with token-1?" + "?" * 10_000}
    message = peer.audit_group(1, "u", 7, group_values())
    assert message is not None
    assert message.startswith("who calls with ***?")
    assert len(message) <= LONGEST_TEXT
