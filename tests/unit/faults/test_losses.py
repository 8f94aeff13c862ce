"""How the fault runs judge what a site managed, and who says to be a site."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dcapi.lab.operator import Json, Operator
from tests.faults import losses
from tests.faults.course import Poser
from tests.faults.ledger import Answered, Ledger
from tests.faults.posing import LET_GO, MANAGED, wrong_answers
from tests.faults.session import Session

ALARMS = {"subcloud=mill-1"}
REASON = "Let go at 2026-03-01 10:00:00: peer site-b leads peer group coast and does not have it."


def shown(**changes: Any) -> Json:
    values = {
        "name": "mill-1",
        "management-state": "unmanaged",
        "deploy-status": "complete",
        "peer_group_id": None,
        "error-description": REASON,
        "region-name": "7" * 32,
    }
    return {**values, **changes}


def session_with(monkeypatch: pytest.MonkeyPatch, *, claimed: set[int], at_a: Json | None) -> Session:
    """A run in which mill-1 was put into group 1, and then perhaps into group 2."""
    ledger = Ledger()
    ledger.begin("mill-1", "peer group", 1)
    ledger.note("mill-1", "peer group", 2, Answered.UNKNOWN)
    monkeypatch.setattr(losses, "rows_of", lambda *_: [(one,) for one in ALARMS])
    world = SimpleNamespace(
        a=SimpleNamespace(name="site-a"),
        b=SimpleNamespace(name="site-b"),
        at_a=SimpleNamespace(find=lambda *_: at_a),
        databases={"site-a": None, "site-b": None},
        members=[SimpleNamespace(name="mill-1")],
    )
    session = SimpleNamespace(ledger=ledger, claimed=claimed, world=world, unmanaged=set())
    return cast(Session, session)


def test_what_a_claim_took_out_of_its_group_is_let_go_rightly(monkeypatch: pytest.MonkeyPatch) -> None:
    session = session_with(monkeypatch, claimed={2}, at_a=shown())
    assert losses.group_unmet(session, shown()) == []
    assert losses.lost(session) == []


@pytest.mark.parametrize(
    ("changes", "claimed", "said"),
    [
        ({}, {3}, "nobody had claimed its group"),
        ({"management-state": "managed"}, {1}, "it is managed"),
        ({"peer_group_id": 1}, {1}, "it is in a group"),
        ({"name": "mill-2"}, {1}, "no alarm says so"),
    ],
)
def test_a_member_is_let_go_wrongly(
    monkeypatch: pytest.MonkeyPatch, changes: Json, claimed: set[int], said: str
) -> None:
    session = session_with(monkeypatch, claimed=claimed, at_a=None)
    session.ledger.begin("mill-2", "peer group", 1)
    found = losses.group_unmet(session, shown(**changes))
    assert found == [f"{changes.get('name', 'mill-1')} was let go, but {said}"]


def test_a_member_that_left_its_group_without_a_reason_is_a_lost_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = session_with(monkeypatch, claimed={1}, at_a=None)
    quiet = shown(**{"error-description": "No errors present"})
    assert losses.group_unmet(session, quiet) == [
        "A lost a change: peer group of mill-1 is None, not 1 or one of [2]"
    ]
    assert losses.group_unmet(session, {**quiet, "peer_group_id": 2}) == []


def test_what_is_gone_and_what_nobody_manages_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = session_with(monkeypatch, claimed={1}, at_a=None)
    assert losses.lost(gone) == ["mill-1 is lost: A has it no more, and its operator did not delete it"]
    quiet = shown(**{"error-description": "No errors present"})
    nobodys = session_with(monkeypatch, claimed={1}, at_a=quiet)
    assert losses.lost(nobodys) == ["nobody manages mill-1, which is complete at A"]
    nobodys.unmanaged.add("mill-1")
    assert losses.lost(nobodys) == []


@pytest.mark.parametrize(
    ("may_modify", "wish", "answered", "status", "is_wrong"),
    [
        (False, None, Answered.ACKNOWLEDGED, "complete", True),
        (False, MANAGED, Answered.REFUSED, "secondary", False),
        (False, MANAGED, Answered.UNKNOWN, "secondary", False),
        (True, None, Answered.ACKNOWLEDGED, "secondary", False),
        (True, LET_GO, Answered.ACKNOWLEDGED, "rehome-pending", False),
        (True, MANAGED, Answered.ACKNOWLEDGED, "secondary", True),
        (True, MANAGED, Answered.ACKNOWLEDGED, "rehome-prep-failed", True),
        (True, MANAGED, Answered.ACKNOWLEDGED, "complete", False),
    ],
)
def test_an_answer_to_who_says_to_be_a_site_is_judged(
    may_modify: bool, wish: Json | None, answered: Answered, status: str, is_wrong: bool
) -> None:
    poser = Poser("site-a", cast(Operator, None), may_modify)
    found = wrong_answers(poser, "mill-1", wish, answered, {"deploy-status": status})
    assert bool(found) == is_wrong
