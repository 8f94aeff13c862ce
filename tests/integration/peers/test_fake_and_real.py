"""The fake peer of the tests answers as this application does, so that what is tested against it counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest

from dcapi.peers.errors import ASSOCIATION, PEER_GROUP, SUBCLOUD, SYSTEM_PEER, PeerRefused
from dcapi.peers.port import PeerPort
from tests.integration.peers.other_sites import FakeOtherSite, OtherSite, RealOtherSite, real_site
from tests.integration.peers.refusals import (
    REFUSED,
    delete_an_associated_group,
    leave_a_group_of_an_available_peer,
)
from tests.integration.peers.story import REGION, only, story

# Numbered by each site in its own way.
NUMBERED = ("id", "group_id", "peer_id", "peer_group_id")


@pytest.fixture(scope="module")
def served(prepared_instance: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealOtherSite]:
    with real_site(prepared_instance, tmp_path_factory.mktemp("real")) as site:
        yield site


@pytest.fixture
def real(served: RealOtherSite) -> RealOtherSite:
    served.be_empty()
    return served


@pytest.fixture
def fake() -> FakeOtherSite:
    return FakeOtherSite()


@pytest.fixture(params=["fake", "real"])
def other(request: pytest.FixtureRequest) -> OtherSite:
    site: OtherSite = request.getfixturevalue(request.param)
    return site


def comparable(answer: Any) -> Any:
    """What two sites have to say alike: no numbers of their own, and no dates."""
    if isinstance(answer, list):
        return [comparable(item) for item in answer]
    if not is_dataclass(answer):
        return answer
    answers = {key: value for key, value in vars(answer).items() if key != "changed_at"}
    return {key: value is not None if key in NUMBERED else value for key, value in answers.items()}


def test_the_fake_answers_what_the_application_answers(fake: FakeOtherSite, real: RealOtherSite) -> None:
    for (what, told), (_, true) in zip(story(fake), story(real), strict=True):
        assert comparable(told) == comparable(true), what


def test_every_call_of_the_port_is_in_the_story(fake: FakeOtherSite) -> None:
    for _ in story(fake):
        pass
    assert set(fake.peer.count) == PeerPort.__abstractmethods__ - {"request_limit", "requests"}


def refusal_of(case: Callable[[OtherSite], object], site: OtherSite) -> tuple[int, str]:
    with pytest.raises(PeerRefused) as refusal:
        case(site)
    return refusal.value.status, refusal.value.text


@pytest.mark.parametrize("case", REFUSED)
def test_the_fake_refuses_as_the_application_does(
    fake: FakeOtherSite, real: RealOtherSite, case: str
) -> None:
    assert refusal_of(REFUSED[case], fake) == refusal_of(REFUSED[case], real)


@pytest.mark.parametrize(
    ("kind", "case"),
    [
        (PEER_GROUP, "a change of an unknown group"),
        (ASSOCIATION, "a status for an unknown association"),
        (SUBCLOUD, "a change of an unknown subcloud"),
    ],
)
def test_what_is_not_there_is_refused_in_words_that_decisions_hang_on(
    other: OtherSite, kind: str, case: str
) -> None:
    with pytest.raises(PeerRefused) as refusal:
        REFUSED[case](other)
    kinds = (SYSTEM_PEER, PEER_GROUP, ASSOCIATION, SUBCLOUD)
    assert [one for one in kinds if refusal.value.not_found(one)] == [kind]


def test_a_subcloud_leaves_a_secondary_group_whose_peer_is_away(other: OtherSite) -> None:
    with pytest.raises(PeerRefused):
        leave_a_group_of_an_available_peer(other)
    other.set_system_peer(availability_state="unavailable")
    assert other.peer.update_subcloud(REGION, only(peer_group="none")).peer_group_id is None


def test_a_group_that_is_still_associated_is_refused_in_such_words_too(other: OtherSite) -> None:
    with pytest.raises(PeerRefused) as refusal:
        delete_an_associated_group(other)
    assert refusal.value.still_associated()
