"""How the process of a playbook judges the end of it."""

from __future__ import annotations

import io
from typing import Any

import pytest

from dcapi.deploy.playbooks.supervisor.diary import Diary, Output
from dcapi.deploy.playbooks.supervisor.masking import Masker
from dcapi.deploy.playbooks.supervisor.playbook import CANCELLED, DONE, FAILED, LATE, Outcome, Watch, judged

JOB = {"token": "t", "seconds": 5.0, "facts": ("region_name",)}


def diary(*events: dict[str, Any]) -> Diary:
    made = Diary(Output(io.StringIO(), Masker([]), 1000))
    for event in events:
        made.note(event)
    return made


def stats(**data: Any) -> dict[str, Any]:
    return {"event": "playbook_on_stats", "event_data": {"artifact_data": data}}


def watch(outcome: str) -> Watch:
    made = Watch("t", 5.0)
    made.outcome = outcome
    return made


@pytest.mark.parametrize("outcome", [CANCELLED, LATE])
def test_a_playbook_that_was_cut_off_says_by_what(outcome: str) -> None:
    assert judged(1, diary(), watch(outcome), JOB).status == outcome


@pytest.mark.parametrize("outcome", ["", CANCELLED, LATE])
def test_a_playbook_that_came_to_its_end_was_not_cut_off(outcome: str) -> None:
    ended = diary({"stdout": "no power"}, stats())
    assert judged(2, ended, watch(outcome), JOB) == Outcome(FAILED, "no power")
    assert judged(0, diary(stats()), watch(outcome), JOB) == Outcome(DONE)


def test_a_playbook_returns_what_it_may_return_alone() -> None:
    ended = diary(stats(region_name="pier", password="Gull*1"))
    assert judged(0, ended, watch(""), JOB) == Outcome(DONE, facts={"region_name": "pier"})
    assert judged(2, ended, watch(""), JOB).facts == {}


def test_what_is_told_to_end_after_its_end_has_ended_by_itself() -> None:
    late = Watch("t", 5.0)
    late.finish()
    late.cancel()
    late.run()
    assert judged(2, diary(stats()), late, JOB).status == FAILED
