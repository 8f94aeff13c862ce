"""The edge where failures of network, TLS, HTTP and identity become PeerUnavailable or PeerRefused."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
import urllib3

from dcapi.peers.errors import PeerError, PeerRefused, PeerUnavailable
from dcapi.peers.exchange import AddressRefused, AnswerTooLong, Exchange
from dcapi.peers.texts import clean, readable, told

# Statuses that say "not now": the peer, or what stands before it, did not get to the request or through it.
AWAY = {429, 502, 503, 504}
# Of all answers without success, those after which a changing request may have taken effect all the same.
UNCERTAIN = {408, 500, 502, 504}
UNRESOLVED = "the name of its host cannot be resolved"
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}

# What requests, urllib3 and http.client raise, together with the operating system's errors.
TRANSPORT_ERRORS: tuple[type[Exception], ...] = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    UnicodeError,
    AnswerTooLong,
    AddressRefused,
)

# Answers that no second try makes better: the other side is no such service, or not the one it should be.
SENSELESS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    (urllib3.exceptions.DecodeError, "the answer cannot be decoded"),
    (requests.exceptions.ContentDecodingError, "the answer cannot be decoded"),
    (urllib3.exceptions.InvalidHeader, "the answer is not HTTP"),
    (urllib3.exceptions.LocationValueError, "the URL is not valid"),
    (requests.exceptions.InvalidURL, "the URL is not valid"),
    (UnicodeError, "the URL is not valid"),
)


@dataclass(frozen=True)
class Call:
    """What was asked of whom, for messages; ``secrets`` are what no message may hold."""

    peer: str
    method: str
    what: str
    secrets: Iterable[str] = field(default=(), repr=False)
    # A login changes nothing, though it is a POST.
    changing: bool = True
    # What an endpoint says that never accepted a login is not shown: it may be anything in this network.
    shows_answers: bool = True

    def may_change(self) -> bool:
        return self.changing and self.method in CHANGING

    def message(self, happened: str) -> str:
        """Our own sentence: what a peer says in it has been rid of secrets."""
        return clean(f"Peer {self.peer}: {self.method} {self.what}: {happened}")

    def refused(self, happened: str, status: int = 0, *, maybe_sent: bool = False) -> PeerRefused:
        return PeerRefused(self.message(happened), status, clean(happened), maybe_sent=maybe_sent)

    def senseless(self, expected: str, status: int) -> PeerRefused:
        """An answer that claims success and is not what it should be: what it did is not known."""
        happened = f"the answer makes no sense: {expected} was expected"
        return self.refused(happened, status, maybe_sent=self.may_change())


def failure_of(error: Exception, exchange: Exchange, call: Call) -> PeerError:
    """What a request means that ended without a whole answer."""
    maybe_sent = exchange.sent and call.may_change()
    senseless = _senseless(error, exchange)
    if senseless:
        return call.refused(senseless, maybe_sent=maybe_sent)
    happened = _away(error, exchange)
    dropped = exchange.sent and not exchange.fresh and not exchange.received and not _timed_out(error)
    message = call.message(happened)
    return PeerUnavailable(message, text=clean(happened), maybe_sent=maybe_sent, dropped=dropped)


def refusal_of(response: requests.Response, call: Call) -> PeerError:
    """What an answer without success means."""
    status = response.status_code
    if 300 <= status < 400:
        where = told(_redirected_to(response), call.secrets) if call.shows_answers else "another place"
        return call.refused(f"redirected to {where}, which is not followed", status)
    text = readable(response.content, call.secrets) if call.shows_answers else ""
    message = call.message(f"answered {status}{_told(text, call)}")
    maybe_sent = status in UNCERTAIN and call.may_change()
    if status in AWAY:
        return PeerUnavailable(message, status, text, maybe_sent=maybe_sent)
    return PeerRefused(message, status, text, maybe_sent=maybe_sent)


def _told(text: str, call: Call) -> str:
    if not call.shows_answers:
        return "; what it says is not shown before it has accepted a login"
    return f": {told(text, call.secrets)}" if text else " without further details"


def check_success(response: requests.Response, call: Call) -> None:
    """Raise what an answer means, unless it is a success."""
    if not 200 <= response.status_code < 300:
        raise refusal_of(response, call)


def _redirected_to(response: requests.Response) -> str:
    try:
        return urlsplit(response.headers.get("Location", "")).hostname or "another place"
    except ValueError:
        return "another place"


def _senseless(error: Exception, exchange: Exchange) -> str:
    if isinstance(error, AddressRefused):
        return str(error)
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, AnswerTooLong):
            return str(cause)
    for kind, text in SENSELESS:
        if any(isinstance(cause, kind) for cause in causes):
            return text
    if any(_is_wrong_tls(cause) for cause in causes):
        return "TLS could not be negotiated"
    # A peer that closes its connection is away; one that speaks something else than HTTP is no peer.
    strange = (http.client.HTTPException, urllib3.exceptions.ProtocolError)
    if not exchange.ended and not _system_errors(causes) and any(isinstance(it, strange) for it in causes):
        return "the answer is not HTTP"
    return ""


def _system_errors(causes: Iterable[BaseException]) -> list[OSError]:
    """Errors of the operating system; those of requests pass for such, and are none."""
    return [it for it in causes if isinstance(it, OSError) and not isinstance(it, requests.RequestException)]


def _is_wrong_tls(cause: BaseException) -> bool:
    ended = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
    return isinstance(cause, ssl.SSLError) and not isinstance(cause, (*ended, TimeoutError))


def _away(error: Exception, exchange: Exchange) -> str:
    if _timed_out(error):
        limits = exchange.limits
        return f"no answer within {limits.request if exchange.sent else limits.connect:g} s"
    for cause in _system_errors(_causes(error)):
        if isinstance(cause, socket.gaierror):
            return UNRESOLVED
        if cause.strerror:
            return cause.strerror.lower()
    if exchange.received:
        return "the answer was cut off"
    return "the connection was closed without an answer" if exchange.sent else "cannot connect"


def _timed_out(error: Exception) -> bool:
    # Not urllib3's ConnectTimeoutError: to be refused a connection is one of those, for old times' sake.
    kinds = (TimeoutError, urllib3.exceptions.ReadTimeoutError)
    return any(isinstance(cause, kinds) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and everything inside it: what it was raised from, in, and what it carries as an argument."""
    waiting, seen = [error], set()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inside = [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
        waiting += [other for other in inside if isinstance(other, BaseException)]
