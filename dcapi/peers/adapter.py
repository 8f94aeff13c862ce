"""The one way out: every HTTP request to a peer, logins included, passes through this adapter."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from keystoneauth1.session import TCPKeepAliveAdapter

from dcapi.log import REQUEST_ID_HEADER, request_id
from dcapi.peers.exchange import (
    POOLS,
    TOO_LONG,
    AnswerTooLong,
    Exchange,
    Judge,
    Limits,
    check_values,
    exchange_of,
)
from dcapi.peers.translate import TRANSPORT_ERRORS, Call, failure_of

CHUNK = 64 * 1024
# A session talks to three services of one peer at most; ten requests run side by side.
POOL_CONNECTIONS = 8
POOL_MAXSIZE = 16


@dataclass(frozen=True)
class Outgoing:
    """What goes with a request that the libraries in between know nothing of."""

    call: Call
    # Called before the request is sent; what it raises ends it.
    before_request: Callable[[], None]
    # Looks at the answer before the libraries do; raises PeerError when it is not what it should be.
    check: Callable[[requests.Response, Call], None]
    # How much is read of the answer, when that is not what the adapter reads of any.
    limits: Limits | None = None


_outgoing: ContextVar[Outgoing] = ContextVar("outgoing")


@contextlib.contextmanager
def going_out(outgoing: Outgoing) -> Iterator[None]:
    """Bind the requests that this thread sends in the block to ``outgoing``."""
    token = _outgoing.set(outgoing)
    try:
        yield
    finally:
        _outgoing.reset(token)


class PeerAdapter(TCPKeepAliveAdapter):
    """Sends one request within the limits and reads its answer whole; raises PeerError alone, and the hook's.

    No retries, and no redirects: who calls decides about both.
    """

    def __init__(self, limits: Limits, judge: Judge) -> None:
        self._limits = limits
        self._judge = judge
        super().__init__(pool_connections=POOL_CONNECTIONS, pool_maxsize=POOL_MAXSIZE, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        outgoing = _outgoing.get()
        outgoing.before_request()
        if request_id.get():
            request.headers[REQUEST_ID_HEADER] = request_id.get()
        options |= {"stream": True, "timeout": (self._limits.connect, self._limits.longest_read)}
        response = self._answer(request, outgoing.call, *args, **options)
        outgoing.check(response, outgoing.call)
        return response

    def _answer(
        self, request: requests.PreparedRequest, call: Call, *args: Any, **options: Any
    ) -> requests.Response:
        with exchange_of(_outgoing.get().limits or self._limits, self._judge) as exchange:
            try:
                return self._whole(super().send(request, *args, **options), exchange)
            except TRANSPORT_ERRORS as error:
                failure = failure_of(error, exchange, call)
        raise failure

    def _whole(self, response: requests.Response, exchange: Exchange) -> requests.Response:
        """The response with its body in memory; its connection is free for the next request."""
        source: urllib3.HTTPResponse = response.raw
        try:
            body = _read(source, exchange.limits.answer)
            check_values(body, exchange.limits)
            response.raw = io.BytesIO(body)
        except BaseException:
            source.close()
            raise
        return response


def _read(source: urllib3.HTTPResponse, limit: int) -> bytes:
    """A body, unpacked; raises AnswerTooLong above ``limit`` bytes of it."""
    body = bytearray()
    for chunk in source.stream(CHUNK, decode_content=True):
        body += chunk
        if len(body) > limit:
            raise AnswerTooLong(TOO_LONG.format(limit))
    return bytes(body)
