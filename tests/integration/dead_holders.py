"""The name of a holder that died."""

from __future__ import annotations

from dcapi.tasks.holders import SYSTEM, own_holder


def dead_owner() -> str:
    """One that had the id of this process before it, since the same boot."""
    own = own_holder(SYSTEM)
    assert own is not None, "this system does not show its processes"
    return "/".join([*map(str, own._replace(start=own.start - 1)), "0123abcd"])
