"""Where connections are, which has been there too long, and which is closed for another one."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dcapi.serving.body import BodyRoom, IncomingBody
from dcapi.serving.connection import Connection, Stage
from dcapi.serving.refusals import Refused
from dcapi.serving.shares import Shares
from dcapi.serving.stages import Deadlines, Stages
from dcapi.settings import settings_from

DEADLINES = Deadlines(head=30, idle=75, answer=60, body=30, body_rate=500)
ADDRESS = "192.0.2.1"


def connection(address: str = ADDRESS) -> Connection:
    nothing: Any = None
    return Connection(nothing, (address, 1), ("127.0.0.1", 8119))


@pytest.mark.parametrize(
    ("stage", "seconds"),
    [(Stage.HANDSHAKE, 30), (Stage.HEAD, 30), (Stage.IDLE, 75), (Stage.ANSWERING, 60)],
)
def test_a_stage_has_its_deadline(stage: Stage, seconds: float) -> None:
    each = connection()
    Stages().add(each, stage)
    assert not DEADLINES.is_over(each, each.since + seconds - 1)
    assert DEADLINES.is_over(each, each.since + seconds + 1)


@pytest.mark.parametrize("stage", [Stage.WORKING, Stage.WAITING])
def test_a_request_that_is_there_has_no_deadline_here(stage: Stage) -> None:
    each = connection()
    Stages().add(each, stage)
    assert not DEADLINES.is_over(each, each.since + 10**6)


def test_a_body_has_time_at_first_and_then_a_speed() -> None:
    each = connection()
    Stages().add(each, Stage.BODY)
    each.body = IncomingBody(10**6, BodyRoom(10**6), 10**6)
    assert not DEADLINES.is_over(each, each.since + 29)
    assert not DEADLINES.is_over(each, each.since + 31)
    each.body.take(bytearray(6000))
    assert not DEADLINES.is_over(each, each.since + 42)
    each.body.take(bytearray(100))
    assert DEADLINES.is_over(each, each.since + 53)


def test_an_answer_of_which_something_was_taken_has_time() -> None:
    each = connection()
    Stages().add(each, Stage.ANSWERING)
    each.outbox.progress = each.since + 50
    assert not DEADLINES.is_over(each, each.since + 100)
    assert DEADLINES.is_over(each, each.since + 111)


def test_the_one_that_has_waited_longest_is_spared_first() -> None:
    stages = Stages()
    working, idle, head = connection(), connection(), connection()
    for each, stage in ((working, Stage.WORKING), (idle, Stage.IDLE), (head, Stage.HEAD)):
        stages.add(each, stage)
    assert stages.oldest_spare() is idle
    stages.move(idle, Stage.BODY)
    assert stages.oldest_spare() is head
    stages.remove(head)
    stages.remove(head)
    assert stages.oldest_spare() is None
    assert len(stages) == 2


def test_overdue_connections_are_found_at_every_stage() -> None:
    stages = Stages()
    late = {stage: connection() for stage in (Stage.HANDSHAKE, Stage.IDLE, Stage.ANSWERING)}
    for stage, each in late.items():
        stages.add(each, stage)
        each.since = each.outbox.progress = time.monotonic() - 100
    stages.add(connection(), Stage.IDLE)
    assert list(stages.overdue(DEADLINES)) == [
        late[Stage.HANDSHAKE],
        late[Stage.IDLE],
        late[Stage.ANSWERING],
    ]


def check(shares: Shares, each: Connection) -> int:
    """0 when there is room for it."""
    try:
        shares.check(each)
    except Refused as refused:
        return refused.failure.code
    return 0


def test_an_address_has_a_share_in_which_idle_connections_do_not_count() -> None:
    stages = Stages()
    shares = Shares(settings_from({"CONNECTIONS_PER_ADDRESS": 2}), stages)
    here = [connection() for _ in range(3)]
    for each in here:
        stages.add(each, Stage.HEAD)
    assert [check(shares, each) for each in here] == [429, 429, 429]
    stages.move(here[0], Stage.IDLE)
    assert check(shares, here[1]) == 0
    other = connection("192.0.2.2")
    stages.add(other, Stage.HEAD)
    assert check(shares, other) == 0


def test_behind_a_trusted_proxy_the_client_that_it_names_has_the_share() -> None:
    stages = Stages()
    settings = settings_from({"CONNECTIONS_PER_ADDRESS": 1, "TRUSTED_PROXIES": ADDRESS})
    shares = Shares(settings, stages)
    codes = []
    for named in ("198.51.100.1", "198.51.100.2", "198.51.100.1"):
        each = connection()
        stages.add(each, Stage.HEAD)
        assert check(shares, each) == 0  # nobody is named yet
        each.request = type("Head", (), {"headers": [("X-FORWARDED-FOR", named)]})
        codes.append(check(shares, each))
    assert codes == [0, 0, 429]
