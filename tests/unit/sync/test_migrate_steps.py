"""Where a subcloud goes from each step of its migration."""

from __future__ import annotations

from itertools import pairwise

import pytest

from dcapi.deploy.port import Done, Failed, Running
from dcapi.models.states import Deploy, RehomeStep
from dcapi.sync.takeover import rehome_steps
from dcapi.sync.takeover.rehome_steps import (
    CEDING_TRIES,
    NextStep,
    after_begin,
    after_ceding,
    after_look,
    after_poll,
)

Step = RehomeStep
REFUSED = "Peer site-a: answered 400: it stays here"


@pytest.mark.parametrize("step", CEDING_TRIES)
def test_a_subcloud_that_was_given_away_is_rehomed_at_once(step: RehomeStep) -> None:
    assert after_ceding(step, None, 5.0) == NextStep(Step.REHOMING, Deploy.PRE_REHOME)


@pytest.mark.parametrize(
    ("step", "following"), [(Step.CEDING, Step.CEDING_AGAIN), (Step.CEDING_AGAIN, Step.CEDING_LAST)]
)
def test_a_refusal_is_tried_again_after_a_pause_and_shown_meanwhile(
    step: RehomeStep, following: RehomeStep
) -> None:
    move = after_ceding(step, REFUSED, 5.0)
    assert (move.step, move.status, move.seconds) == (following, None, 5.0)
    assert REFUSED in move.error


def test_the_third_refusal_fails_the_preparation_with_its_text() -> None:
    assert after_ceding(Step.CEDING_LAST, REFUSED, 5.0) == NextStep(
        None, Deploy.REHOME_PREP_FAILED, error=REFUSED
    )


def test_there_are_three_tries() -> None:
    assert list(CEDING_TRIES) == [Step.CEDING, Step.CEDING_AGAIN, Step.CEDING_LAST]
    assert all(CEDING_TRIES[one] == following for one, following in pairwise(CEDING_TRIES))


@pytest.mark.parametrize(
    ("state", "move"),
    [
        (Running(3.0), NextStep(Step.REHOMING, Deploy.REHOMING, 3.0)),
        (Done(), NextStep(Step.REHOMING, Deploy.REHOMING, 0.0)),
        (Failed("no power"), NextStep(None, Deploy.REHOME_FAILED, error="no power")),
    ],
)
def test_what_the_deployer_says_at_the_beginning_counts(
    state: Running | Done | Failed, move: NextStep
) -> None:
    assert after_begin(state) == move


@pytest.mark.parametrize(
    ("state", "move"),
    [
        (Running(3.0), NextStep(Step.REHOMING, Deploy.REHOMING, 3.0)),
        (Done(), NextStep(Step.COMING_ONLINE, Deploy.COMPLETE, patience=60.0)),
        (Failed("no power"), NextStep(None, Deploy.REHOME_FAILED, error="no power")),
    ],
)
def test_what_the_deployer_says_on_the_way_counts(state: Running | Done | Failed, move: NextStep) -> None:
    assert after_poll(state, 60.0) == move


@pytest.mark.parametrize("late", [True, False])
def test_a_subcloud_that_is_online_is_managed(late: bool) -> None:
    assert after_look(online=True, late=late, limit=60.0) == NextStep(None, Deploy.COMPLETE, managed=True)


def test_subcloud_coming_online_is_waited_for_until_its_deadline() -> None:
    assert after_look(online=False, late=False, limit=60.0) is None
    move = after_look(online=False, late=True, limit=60.0)
    assert move is not None
    assert (move.step, move.status, move.managed) == (None, Deploy.REHOME_FAILED, False)
    assert "60 s" in move.error


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (Step.WAITING, Deploy.REHOME_PREP_FAILED),
        (Step.CEDING, Deploy.REHOME_PREP_FAILED),
        (Step.CEDING_AGAIN, Deploy.REHOME_PREP_FAILED),
        (Step.CEDING_LAST, Deploy.REHOME_PREP_FAILED),
        (Step.REHOMING, Deploy.REHOME_FAILED),
        (Step.COMING_ONLINE, Deploy.REHOME_FAILED),
    ],
)
def test_a_failure_is_one_of_the_preparation_until_something_was_done_here(
    step: RehomeStep, status: Deploy
) -> None:
    assert rehome_steps.failed(step, "lost") == NextStep(None, status, error="lost")
