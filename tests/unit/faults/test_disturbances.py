"""Finds of the fault runs that were defects of the harness itself."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests

from tests.faults import disturbances, held
from tests.faults.session import Session


def session_with(**parts: Any) -> Session:
    said: list[str] = []
    return cast(Session, SimpleNamespace(taken=set(), say=said.append, said=said, **parts))


def test_a_group_that_is_another_sites_is_not_taken_again_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def take(session: Session, chance: random.Random, group_id: int) -> None:
        taken.append(group_id)
        disturbances.take_over_group(session, chance, group_id)

    monkeypatch.setattr(disturbances, "_take_over_and_give_back", take)
    session = session_with()
    for _ in range(2):
        disturbances.take_over_group(session, random.Random(1), 7)
    assert taken == [7, 7]
    assert session.taken == set()


class DownOperator:
    def __enter__(self) -> DownOperator:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def listed(self, *_: Any) -> Any:
        raise requests.ConnectionError("the site was just killed")


def test_a_site_that_is_down_says_nothing_of_its_syncs() -> None:
    at_a = SimpleNamespace(twin=DownOperator)
    session = session_with(world=SimpleNamespace(at_a=at_a))
    assert held._is_syncing(session, 7) is None
