"""The judgement of ``make load``: what it has to find, and what it has to let pass."""

from __future__ import annotations

import pytest

from tests.load.verdicts import Answer, Outage, Tally, Verdict, failures, judge_answers, judge_writes

OUTAGE = Outage(began=100.0, ended=110.0)


def answer(status: int, asked: float, took: float = 0.1, retry_after: str | None = "1") -> Answer:
    return Answer(asked, took, "GET /subclouds", status, "text", retry_after)


REFUSED = answer(503, 105.0)


def missed(*answers: Answer) -> list[str]:
    """The limits that these answers miss."""
    return named(judge_answers([Tally(list(answers))], OUTAGE))


def named(verdicts: list[Verdict]) -> list[str]:
    return [verdict.what for verdict in verdicts if not verdict.met]


def test_503_with_retry_after_while_the_database_is_away_is_due() -> None:
    assert missed(answer(200, 50.0), REFUSED, answer(200, 120.0)) == []


def test_a_request_that_began_before_the_outage_may_be_refused() -> None:
    assert missed(answer(503, 99.0, took=1.5)) == []


@pytest.mark.parametrize("status", [500, 502, 504])
def test_any_other_5xx_is_found_also_in_the_outage(status: int) -> None:
    assert "no answer 5xx but 503" in missed(REFUSED, answer(status, 105.0))


@pytest.mark.parametrize(
    "wrong", [answer(503, 50.0), answer(503, 116.0), answer(503, 105.0, retry_after=None)]
)
def test_503_without_an_outage_or_a_time_to_come_again_is_found(wrong: Answer) -> None:
    assert missed(REFUSED, wrong) == ["no request without the answer that it deserves"]


def test_an_outage_excuses_no_error_but_503() -> None:
    assert len(failures([Tally([REFUSED, answer(404, 105.0)])], OUTAGE)) == 1


def test_a_connection_that_breaks_is_found_also_in_the_outage() -> None:
    tally = Tally([REFUSED], unanswered=["ConnectionError: reset"])
    assert failures([tally], OUTAGE) == ["ConnectionError: reset"]


def test_a_slow_answer_is_excused_by_an_outage_alone() -> None:
    assert missed(REFUSED, answer(200, 105.0, took=9.0)) == []
    assert missed(REFUSED, answer(200, 50.0, took=2.5)) == ["no request above 2 s"]
    assert missed(REFUSED, answer(200, 101.0, took=12.5)) == ["none above 12 s around the outage"]


def test_an_outage_that_nobody_noticed_is_none() -> None:
    assert missed(answer(200, 105.0)) == ["the outage was felt"]


def test_a_lock_that_was_waited_for_was_felt() -> None:
    assert missed(answer(200, 104.0, took=5.0)) == []


def test_an_acknowledged_write_that_is_not_there_is_lost() -> None:
    tally = Tally(acknowledged={1: "b"}, tried={1: []})
    assert judge_writes([tally], {1: "b"}).met
    assert not judge_writes([tally], {1: "a"}).met
    assert not judge_writes([tally], {}).met


def test_a_write_that_was_refused_may_be_there_all_the_same() -> None:
    tally = Tally(acknowledged={1: "b"}, tried={1: ["c", "d"]})
    assert all(judge_writes([tally], {1: there}).met for there in "bcd")
    assert not judge_writes([tally], {1: "a"}).met


def test_a_run_in_which_nothing_was_acknowledged_shows_nothing() -> None:
    assert not judge_writes([Tally(tried={1: ["a"]})], {1: "a"}).met
