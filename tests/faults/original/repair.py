"""What only operators can put right, done as they would: by more migrations, up to the way home."""

from __future__ import annotations

from dcapi.lab.original.version import Version
from tests.faults.course import wait_until_quiet
from tests.faults.original.checks import unsettled
from tests.faults.original.operations import migrate
from tests.faults.original.picture import BY_HAND, Picture, due_call, take
from tests.faults.original.session import OriginalSession
from tests.faults.pace import paced

# What a site puts right by itself is right after so many seconds.
SETTLED_SECONDS = paced(15.0)
# How many calls of operators have to do.
CALLS = 8


def settle(session: OriginalSession) -> list[str]:
    return wait_until_quiet(lambda: unsettled(session), within=SETTLED_SECONDS)


def bring_home(session: OriginalSession) -> list[str]:
    """Let operators do what is left to them until every group is home; returns why one is not."""
    for _ in range(CALLS):
        problems = settle(session)
        pictures = [take(session.world, shared) for shared in session.groups]
        calls = [(picture, call) for picture in pictures if (call := due_call(picture)) is not None]
        if not calls:
            return problems
        for picture in pictures:
            session.say(f"settled: {picture}")
        for problem in problems:
            session.say(f"not by itself: {problem}")
        unexplained = [
            picture for picture, call in calls if call == BY_HAND and not _is_for_hands(session, picture)
        ]
        if unexplained:
            return [f"not put right by itself: {picture}" for picture in unexplained]
        for picture, call in calls:
            _call(session, picture, call)
    return settle(session) or [
        f"not home: {picture}"
        for picture in (take(session.world, shared) for shared in session.groups)
        if not picture.is_home
    ]


def _is_for_hands(session: OriginalSession, picture: Picture) -> bool:
    """Whether D cannot help: O keeps what it took, or takes no reset."""
    return bool(picture.abandoned) or session.world.o.switches.version is Version.V1


def _call(session: OriginalSession, picture: Picture, call: str) -> None:
    session.done["repair"] += 1
    if call != BY_HAND:
        migrate(session, call, picture.shared)
        return
    name, abandoned = picture.shared.name, picture.abandoned
    session.say(f"the operator of O resets {name}, and {abandoned}")
    session.done["reset by hand"] += 1
    with session.world.o.rows() as rows:
        group = rows.groups.find(name=name)
        if group is not None:
            group.change(migration_status=None)
        for subcloud in rows.subclouds:
            if subcloud.name in abandoned:
                subcloud.change(
                    management_state="unmanaged", deploy_status="secondary", availability="offline"
                )
