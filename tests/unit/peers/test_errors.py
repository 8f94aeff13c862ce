"""Which error a failure becomes, what it says, and when a request is tried again."""

from __future__ import annotations

import copy
import http.client
import socket
import ssl
import time

import pytest
import requests
import urllib3

from dcapi.peers.address import PeerAddress
from dcapi.peers.errors import PeerError, PeerRefused, PeerUnavailable
from dcapi.peers.exchange import AnswerTooLong, Exchange, Limits
from dcapi.peers.retry import pause_before_retry
from dcapi.peers.texts import LEFT_OUT
from dcapi.peers.translate import Call, failure_of, refusal_of

LIMITS = Limits(connect=5.0, read=30.0, answer=1000)
GET = Call("site-b", "GET", "subclouds")
POST = Call("site-b", "POST", "subclouds")
LOGIN = Call("site-b", "POST", "login", changing=False)


def wrapped(error: Exception) -> Exception:
    """An error as it comes out of the libraries: inside another one, inside another one."""
    return requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", error))


def _anywhere(*_: object) -> str:
    """The judgement of a site that may call any address."""
    return ""


def exchange(*, sent: bool = True, fresh: bool = True, received: int = 0, ended: bool = False) -> Exchange:
    return Exchange(LIMITS, _anywhere, sent=sent, fresh=fresh, received=received, ended=ended)


@pytest.mark.parametrize(
    ("error", "state", "kind", "text"),
    [
        (
            ConnectionRefusedError(111, "Connection refused"),
            {"sent": False},
            PeerUnavailable,
            "connection refused",
        ),
        (
            ConnectionResetError(104, "Connection reset by peer"),
            {},
            PeerUnavailable,
            "connection reset by peer",
        ),
        (OSError(113, "No route to host"), {"sent": False}, PeerUnavailable, "no route to host"),
        (socket.gaierror(-2, "unknown"), {"sent": False}, PeerUnavailable, "cannot be resolved"),
        (TimeoutError("timed out"), {"sent": False}, PeerUnavailable, "no answer within 5 s"),
        (TimeoutError("timed out"), {}, PeerUnavailable, "no answer within 35 s"),
        (http.client.RemoteDisconnected("end"), {"ended": True}, PeerUnavailable, "closed without an answer"),
        (http.client.IncompleteRead(b"x"), {"ended": True, "received": 9}, PeerUnavailable, "cut off"),
        (ssl.SSLEOFError(8, "EOF occurred"), {"sent": False}, PeerUnavailable, "eof occurred"),
        (ssl.SSLCertVerificationError(1, "bad"), {"sent": False}, PeerRefused, "not trusted"),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), {"sent": False}, PeerRefused, "TLS could not"),
        (http.client.BadStatusLine("SSH"), {"received": 9}, PeerRefused, "not HTTP"),
        (http.client.LineTooLong("header"), {"received": 9}, PeerRefused, "not HTTP"),
        (urllib3.exceptions.DecodeError("gzip"), {"received": 9}, PeerRefused, "cannot be decoded"),
        (urllib3.exceptions.LocationParseError("x"), {"sent": False}, PeerRefused, "not valid"),
        (AnswerTooLong("the answer is longer than 1 bytes"), {"received": 9}, PeerRefused, "longer than"),
    ],
)
def test_each_failure_is_one_of_two_errors(
    error: Exception, state: dict[str, bool], kind: type[PeerError], text: str
) -> None:
    for outer in (error, wrapped(error)):
        failure = failure_of(outer, exchange(**state), POST)
        assert type(failure) is kind
        assert text in failure.message
        assert failure.message.startswith("Peer site-b: POST subclouds: ")
        assert failure.maybe_sent is state.get("sent", True)


def test_only_a_changing_request_may_have_been_sent() -> None:
    reset = wrapped(ConnectionResetError(104, "Connection reset by peer"))
    assert [failure_of(reset, exchange(), call).maybe_sent for call in (GET, POST, LOGIN)] == [
        False,
        True,
        False,
    ]


def dropped(call: Call = GET, **state: bool | int) -> PeerError:
    return failure_of(wrapped(ConnectionResetError(104, "x")), exchange(**state), call)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "attempt", "method", "again"),
    [
        (dropped(fresh=False), 1, "GET", True),
        (dropped(fresh=False), 2, "GET", False),
        (dropped(fresh=False), 1, "POST", False),
        (dropped(fresh=False), 1, "PATCH", False),
        (dropped(fresh=False), 1, "DELETE", False),
        (dropped(fresh=True), 1, "GET", False),
        (dropped(fresh=False, received=1), 1, "GET", False),
        (failure_of(TimeoutError(), exchange(fresh=False), GET), 1, "GET", False),
        (PeerUnavailable("busy", 503), 1, "GET", False),
        (PeerRefused("no", 500), 1, "GET", False),
    ],
)
def test_a_request_is_tried_again_only_when_a_kept_connection_was_closed(
    error: PeerError, attempt: int, method: str, again: bool
) -> None:
    assert (pause_before_retry(error, attempt, method) is not None) is again


def test_an_exchange_hands_out_what_is_left_of_its_time_and_no_more() -> None:
    young, old = Exchange(LIMITS, _anywhere), Exchange(LIMITS, _anywhere, started=time.monotonic() - 34.0)
    assert young.left(30.0) == 30.0
    assert 0 < old.left(30.0) <= 1.0
    with pytest.raises(TimeoutError):
        Exchange(LIMITS, _anywhere, started=time.monotonic() - 35.0).left(30.0)


def test_an_exchange_counts_what_comes_in_up_to_its_limit() -> None:
    state = Exchange(LIMITS, _anywhere)
    state.count(1000)
    assert not state.ended
    with pytest.raises(AnswerTooLong):
        state.count(1)


def test_a_copy_of_an_error_says_the_same() -> None:
    error = PeerUnavailable("gone", 503, "text", maybe_sent=True, dropped=True)
    assert vars(copy.copy(error)) == vars(error)


def test_a_refusal_is_told_by_its_text_and_status() -> None:
    gone = PeerRefused("…", 404, "Subcloud Peer Group not found")
    assert [kind for kind in ("Subcloud", "Subcloud Peer Group", "System Peer") if gone.not_found(kind)] == [
        "Subcloud Peer Group"
    ]
    assert not PeerRefused("…", 400, "Subcloud not found").not_found("Subcloud")
    kept = "Cannot delete a peer group which is associated with a system peer."
    assert PeerRefused("…", 400, kept).still_associated()
    assert not PeerRefused("…", 404, kept).still_associated()


def address(password: str) -> PeerAddress:
    return PeerAddress(1, "u", "site-b", "http://b:5000/v3", "admin", password, "192.168.204.102", True)


def test_an_address_decodes_its_password_and_does_not_show_it() -> None:
    assert address("TGk2OW51eCo=").login_password() == "Li69nux*"
    assert address(" TGk2OW51eCo=\n").login_password() == "Li69nux*"
    assert "TGk2" not in repr(address("TGk2OW51eCo="))
    assert address("TGk2OW51eCo=") != address("")


@pytest.mark.parametrize("stored", ["abc", "no base 64", "//79", "é", "TGk2=OW51"])
def test_a_password_that_is_no_base64_text_is_refused_without_being_shown(stored: str) -> None:
    with pytest.raises(PeerRefused, match="System peer site-b: the stored password is not base64") as refusal:
        address(stored).login_password()
    assert stored not in refusal.value.message


def refused(body: str, *secrets: str) -> PeerError:
    response = requests.Response()
    response.status_code, response._content = 400, body.encode()
    return refusal_of(response, Call("quay-peer", "PATCH", "subclouds/quay", secrets=secrets))


def test_a_secret_is_hidden_in_what_a_peer_says_and_not_in_our_own_words() -> None:
    error = refused('{"description": "quay is no name"}', "quay")
    assert error.message == "Peer quay-peer: PATCH subclouds/quay: answered 400: *** is no name"


def test_a_short_secret_takes_a_text_of_the_peer_with_it() -> None:
    error = refused('{"description": "ab1 is no password"}', "ab1")
    assert error.message == f"Peer quay-peer: PATCH subclouds/quay: answered 400: {LEFT_OUT}"
