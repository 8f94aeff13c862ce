"""What another site sent and gave up is not done any more: it may have sent something newer since."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dcapi.api.disconnects import CONNECTION, SITE_HEADER
from tests.integration.subclouds.fleet import Fleet
from tests.subcloud_forms import form

FROM_A_SITE = dict([SITE_HEADER])


def still_there(_: socket.socket) -> None:
    pass


def pipelines(sender: socket.socket) -> None:
    sender.sendall(b"GET / HTTP/1.1\r\n")


def leaves(sender: socket.socket) -> None:
    sender.close()


def leaves_one_side_open(sender: socket.socket) -> None:
    sender.shutdown(socket.SHUT_WR)


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The sender's end and the site's."""
    both = socket.socketpair()
    yield both
    for each in both:
        each.close()


@pytest.mark.parametrize(
    ("happens", "headers", "code", "location"),
    [
        (still_there, FROM_A_SITE, 200, "pier 9"),
        (pipelines, FROM_A_SITE, 200, "pier 9"),
        (leaves, FROM_A_SITE, 409, ""),
        (leaves_one_side_open, FROM_A_SITE, 409, ""),
        # An operator's tool may close its side as soon as it has sent everything.
        (leaves_one_side_open, {}, 200, "pier 9"),
    ],
)
def test_a_write_of_a_site_counts_only_while_it_waits(
    fleet: Fleet,
    connection: tuple[socket.socket, socket.socket],
    happens: Callable[[socket.socket], None],
    headers: dict[str, str],
    code: int,
    location: str,
) -> None:
    copy = fleet.secondary(location="")
    happens(connection[0])
    options: dict[str, Any] = {"headers": headers, "environ_overrides": {CONNECTION: connection[1]}}
    answer = fleet.other_site.patch(f"/subclouds/{copy['region-name']}", **form(location="pier 9"), **options)
    assert answer.status_code == code
    assert (fleet.show(copy["id"])["location"] or "") == location
