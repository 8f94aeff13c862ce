"""Where a subcloud goes from each step of its migration: pure, from what was seen to what is written.

A member waits for its turn, is ceded by the other sites (three tries), is rehomed by the deployer, comes
online and is managed. Whatever fails on the way ends it with a failed status and the reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from dcapi.deploy.port import Done, Failed, Running, StepState
from dcapi.models.states import NO_ERRORS, Deploy, RehomeStep

# Step of a try → the step of the next one.
CEDING_TRIES: dict[RehomeStep, RehomeStep | None] = {
    RehomeStep.CEDING: RehomeStep.CEDING_AGAIN,
    RehomeStep.CEDING_AGAIN: RehomeStep.CEDING_LAST,
    RehomeStep.CEDING_LAST: None,
}
# A look that comes so much later than it was due came late for more than a busy machine.
MISSED_SECONDS = 60.0
# In these nothing was done with the subcloud here: to fail now is to fail in the preparation.
PREPARING = frozenset({RehomeStep.WAITING, *CEDING_TRIES})

MIGRATION_LOST = "What the migration needs was lost or has expired: migrate the group again."


@dataclass(frozen=True)
class NextStep:
    """What becomes of a subcloud. ``step`` None: it has arrived, well or badly; ``status`` None: it stays.

    ``seconds`` is when it is looked at again; ``patience`` the time, in seconds, that it gets to come online.
    """

    step: RehomeStep | None
    status: Deploy | None = None
    seconds: float = 0.0
    patience: float | None = None
    error: str = NO_ERRORS
    managed: bool = False


def failed(step: RehomeStep, reason: str) -> NextStep:
    """The end of a subcloud that failed in this step."""
    status = Deploy.REHOME_PREP_FAILED if step in PREPARING else Deploy.REHOME_FAILED
    return NextStep(None, status, error=reason)


def after_ceding(step: RehomeStep, refusal: str | None, pause: float) -> NextStep:
    """After a try to let the other sites give it away; ``refusal`` None: they did, or are away.

    ``pause`` is in seconds, between two tries.
    """
    if refusal is None:
        return NextStep(RehomeStep.REHOMING, Deploy.PRE_REHOME)
    again = CEDING_TRIES[step]
    if again is None:
        return failed(step, refusal)
    number = list(CEDING_TRIES).index(step) + 1
    return NextStep(
        again, seconds=pause, error=f"Try {number} of {len(CEDING_TRIES)} to take it over: {refusal}"
    )


def after_begin(state: StepState) -> NextStep:
    """After the deployer began: a rehoming that was over at once is shown all the same."""
    match state:
        case Failed(reason):
            return failed(RehomeStep.REHOMING, reason)
        case Running(seconds):
            return NextStep(RehomeStep.REHOMING, Deploy.REHOMING, seconds)
        case Done():
            return NextStep(RehomeStep.REHOMING, Deploy.REHOMING)


def after_poll(state: StepState, limit: float) -> NextStep:
    """After the deployer was asked; ``limit``: seconds that the subcloud gets to come online."""
    if isinstance(state, Done):
        return NextStep(RehomeStep.COMING_ONLINE, Deploy.COMPLETE, patience=limit)
    return after_begin(state)


def patience_end(deadline: float | None, *, due_at: float, now: float, limit: float) -> float:
    """When the patience with a subcloud ends, at most ``limit`` seconds from now; seconds since the epoch.

    ``due_at`` is when it was to be looked at. The time in which nobody looked does not count: the site was
    down, or the clock was set ahead.
    """
    if deadline is None:
        return now + limit
    missed = now - due_at
    return min(deadline + (missed if missed > MISSED_SECONDS else 0.0), now + limit)


def after_look(*, online: bool, late: bool, limit: float) -> NextStep | None:
    """After a look whether it is online; None: not yet."""
    if online:
        return NextStep(None, Deploy.COMPLETE, managed=True)
    if late:
        text = f"The subcloud did not come online within {limit:g} s after it was rehomed."
        return failed(RehomeStep.COMING_ONLINE, text)
    return None
