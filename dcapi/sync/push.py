"""Does a plan at a peer: members side by side, each named when it fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from itertools import count, islice

from dcapi.models.states import COPY_STATES
from dcapi.peers.errors import SUBCLOUD, PeerError, PeerRefused, PeerUnavailable
from dcapi.peers.port import PeerPort
from dcapi.peers.texts import clean
from dcapi.sync.copy import RemoteSubcloud, remote_subcloud
from dcapi.sync.member import Member
from dcapi.sync.plan import Plan, Removal

logger = logging.getLogger(__name__)


class MemberFailed(Exception):
    """One member cannot be made equal; the others can."""


@dataclass
class Outcome:
    """What became of each subcloud that was touched, by region name (names for the failures)."""

    pushed: list[Member] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One subcloud's part of a plan."""

    name: str
    work: Callable[[], None]
    record: Callable[[Outcome], None]


def push(
    client: PeerPort,
    group_id: int,
    plan: Plan,
    threads: int,
    outcome: Outcome,
    report: Callable[[int, int], None],
) -> None:
    """Do a plan: at most ``threads`` subclouds side by side, removals before creations.

    ``report(done, total)`` is called on the caller's thread as subclouds are done. Peer errors of one
    subcloud are added to ``outcome``; everything else (a lost lease, a deadline) ends the push and is raised.
    """
    done = count(1)
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="member") as pool:
        # A name or a region that is taken away may be wanted again by a creation: that comes after.
        for steps in (_removals(client, group_id, plan), _deliveries(client, group_id, plan)):
            for step, problem in _side_by_side(pool, steps, threads):
                _record(outcome, step, problem)
                report(next(done), plan.changes)


def _record(outcome: Outcome, step: Step, problem: str | None) -> None:
    if problem is None:
        step.record(outcome)
    else:
        outcome.failures[step.name] = problem
        logger.warning("subcloud %s: %s", step.name, problem)


def _side_by_side(
    pool: ThreadPoolExecutor, steps: Iterator[Step], threads: int
) -> Iterator[tuple[Step, str | None]]:
    """Run steps, never more than ``threads`` begun at once: after an error that ends all, none is waiting."""
    running: dict[Future[str | None], Step] = {}
    while True:
        for step in islice(steps, threads - len(running)):
            running[pool.submit(copy_context().run, _attempt, step)] = step
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield running.pop(future), future.result()


def _attempt(step: Step) -> str | None:
    try:
        step.work()
    except PeerError as error:
        return error.message
    except MemberFailed as error:
        return clean(str(error))
    return None


def _removals(client: PeerPort, group_id: int, plan: Plan) -> Iterator[Step]:
    for removal in plan.remove:
        yield Step(
            removal.name,
            lambda removal=removal: _remove(client, group_id, removal),  # type: ignore[misc]
            lambda outcome, region=removal.region_name: outcome.removed.append(region),  # type: ignore[misc]
        )


def _deliveries(client: PeerPort, group_id: int, plan: Plan) -> Iterator[Step]:
    for member, copy in plan.replace:
        yield _delivery(member, lambda member=member, copy=copy: _replace(client, group_id, member, copy))  # type: ignore[misc]
    for member in plan.create:
        yield _delivery(member, lambda member=member: _create(client, group_id, member))  # type: ignore[misc]
    for member in plan.update:
        yield _delivery(member, lambda member=member: _update(client, group_id, member))  # type: ignore[misc]


def _delivery(member: Member, work: Callable[[], None]) -> Step:
    return Step(member.name, work, lambda outcome: outcome.pushed.append(member))


def _update(client: PeerPort, group_id: int, member: Member) -> None:
    """One request: the values, and the group that the copy belongs to."""
    answer = client.update_subcloud(member.region_name, replace(member.payload, peer_group=str(group_id)))
    status = remote_subcloud(answer).deploy_status
    if status not in COPY_STATES:
        raise MemberFailed(f"its copy is {status} there after the update")


def _create(client: PeerPort, group_id: int, member: Member) -> None:
    """Create a copy and put it into the group; one that is there already is adopted if it may be."""
    try:
        client.add_secondary(member.payload)
    except PeerRefused as error:
        if error.status != 409:
            raise
        _adopt(client, group_id, member, error)
    except PeerUnavailable as error:
        if not error.maybe_sent:
            raise
        _adopt(client, group_id, member, error)
    _update(client, group_id, member)


def _adopt(client: PeerPort, group_id: int, member: Member, error: PeerError) -> None:
    """Look whether what stands there may become the copy that was to be created; raises MemberFailed, or the
    error when nothing of this region is there (then somebody else has the name)."""
    copy = look_up(client, member.region_name)
    if copy is None:
        raise error
    if copy.deploy_status not in COPY_STATES:
        raise MemberFailed(f"its region {member.region_name} is {copy.deploy_status} there")
    if copy.peer_group_id not in (None, group_id):
        raise MemberFailed(f"its copy stands in another peer group there (id {copy.peer_group_id})")
    if copy.name != member.name:
        delete_copy(client, copy.name)
        client.add_secondary(member.payload)


def look_up(client: PeerPort, region_name: str) -> RemoteSubcloud | None:
    """The subcloud of this region at the peer, None when there is none."""
    try:
        return remote_subcloud(client.subcloud(region_name))
    except PeerRefused as error:
        if not error.not_found(SUBCLOUD):
            raise
        return None


def _replace(client: PeerPort, group_id: int, member: Member, copy: RemoteSubcloud) -> None:
    delete_copy(client, copy.name)
    _create(client, group_id, member)


def _remove(client: PeerPort, group_id: int, removal: Removal) -> None:
    name = removal.name
    if removal.look_first:
        copy = look_up(client, removal.region_name)
        if copy is None or copy.peer_group_id not in (None, group_id):
            return  # gone, or another group's by now
        if copy.deploy_status not in COPY_STATES:
            raise MemberFailed(f"it left the group here, but is {copy.deploy_status} there")
        name = copy.name
    delete_copy(client, name)


def delete_copy(client: PeerPort, name: str) -> None:
    """Delete a copy at the peer; one that is gone already is as good."""
    try:
        client.delete_subcloud(name)
    except PeerRefused as error:
        if not error.not_found(SUBCLOUD):
            raise
