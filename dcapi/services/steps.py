"""Work that is done in short steps, one job each."""

from __future__ import annotations

from collections.abc import Callable

from dcapi.jobs.hold import Hold, take_hold
from dcapi.parts import Parts


def make_step(
    parts: Parts, lease: str, advance: Callable[[Hold], float | None], hint: Callable[[float], None]
) -> None:
    """Make one step under a lease, and ask for the next one; nothing when somebody else has the lease.

    ``advance`` returns the seconds to the next step, None when there is none. Raises LeaseLost.
    """
    hold = take_hold(parts.unit_of_work, lease, parts.owner, parts.settings.LEASE_SECONDS)
    if hold is None:
        return
    with hold:
        delay = advance(hold)
    if delay is not None:
        hint(delay)
