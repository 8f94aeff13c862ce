"""While a service is away, one thread finds out whether it is back, and the others are told at once."""

from __future__ import annotations

import threading

import pytest

from dcapi.auth.outage import Outage
from dcapi.errors import Unavailable


class AwayError(Exception):
    pass


class RefusalError(Exception):
    pass


@pytest.fixture
def outage() -> Outage:
    return Outage("away", (RefusalError,))


def away() -> str:
    raise AwayError


def refused() -> str:
    raise RefusalError


def here() -> str:
    return "here"


def asked_while_another_asks(outage: Outage) -> str:
    """What a second thread is told while the first one waits for its answer."""
    waiting, release = threading.Event(), threading.Event()

    def slow() -> str:
        waiting.set()
        release.wait(30)
        return "slow"

    first = threading.Thread(target=outage.ask, args=(slow,))
    first.start()
    try:
        assert waiting.wait(30)
        return outage.ask(here)
    finally:
        release.set()
        first.join()


def test_many_ask_side_by_side_while_it_answers(outage: Outage) -> None:
    assert asked_while_another_asks(outage) == "here"


def test_who_finds_it_away_gets_the_failure_itself(outage: Outage) -> None:
    for _ in range(2):
        with pytest.raises(AwayError):
            outage.ask(away)


def test_while_it_is_away_only_one_waits_for_it(outage: Outage) -> None:
    with pytest.raises(AwayError):
        outage.ask(away)
    with pytest.raises(Unavailable, match="away") as refusal:
        asked_while_another_asks(outage)
    assert refusal.value.headers == {"Retry-After": "1"}


@pytest.mark.parametrize("answer", [here, refused])
def test_any_answer_ends_the_outage(outage: Outage, answer: object) -> None:
    with pytest.raises(AwayError):
        outage.ask(away)
    if answer is here:
        assert outage.ask(here) == "here"
    else:
        with pytest.raises(RefusalError):
            outage.ask(refused)
    assert asked_while_another_asks(outage) == "here"
