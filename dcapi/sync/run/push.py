"""Does a plan at a peer: members side by side, each named when it fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, islice

from dcapi.models.states import COPY_STATES
from dcapi.peers.errors import PeerError, PeerRefused, PeerUnavailable
from dcapi.peers.port import PeerPort
from dcapi.peers.remote import RemoteSubcloud
from dcapi.peers.texts import clean
from dcapi.sync.values.member import Member
from dcapi.sync.values.plan import Plan, Removal

logger = logging.getLogger(__name__)


class MemberFailed(Exception):
    """One member cannot be made equal; the others can."""


@dataclass
class PushResult:
    """What became of each subcloud that was touched, by region name (names for the failures)."""

    pushed: list[Member] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """One subcloud's part of a plan."""

    name: str
    work: Callable[[], None]
    record: Callable[[PushResult], None]


def push(
    client: PeerPort,
    group_id: int,
    plan: Plan,
    threads: int,
    outcome: PushResult,
    report: Callable[[int, int], None],
) -> None:
    """Do a plan: at most ``threads`` subclouds side by side, removals before creations, wave by wave.

    ``report(done, total)`` is called on the caller's thread as subclouds are done. Peer errors of one
    subcloud are added to ``outcome``; everything else (a lost lease, a deadline) ends the push and is raised.
    """
    done = count(1)
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="member") as pool:
        # A name, region or network that is taken away may be wanted again by a creation: that comes after.
        for steps in (_removals(client, group_id, plan), *_deliveries(client, group_id, plan)):
            for step, problem in _side_by_side(pool, steps, threads):
                _record(outcome, step, problem)
                report(next(done), plan.changes)


def _record(outcome: PushResult, step: Delivery, problem: str | None) -> None:
    if problem is None:
        step.record(outcome)
    else:
        outcome.failures[step.name] = problem
        logger.warning("subcloud %s: %s", step.name, problem)


def _side_by_side(
    pool: ThreadPoolExecutor, steps: Iterator[Delivery], threads: int
) -> Iterator[tuple[Delivery, str | None]]:
    """Run steps, never more than ``threads`` begun at once: after an error that ends all, none is waiting."""
    running: dict[Future[str | None], Delivery] = {}
    while True:
        for step in islice(steps, threads - len(running)):
            running[pool.submit(copy_context().run, _attempt, step)] = step
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield running.pop(future), future.result()


def _attempt(step: Delivery) -> str | None:
    try:
        step.work()
    except PeerError as error:
        return error.message
    except MemberFailed as error:
        return clean(str(error))
    return None


def _removals(client: PeerPort, group_id: int, plan: Plan) -> Iterator[Delivery]:
    for removal in plan.remove:
        work = partial(_remove, client, group_id, removal)
        yield Delivery(removal.name, work, partial(_note_removed, removal.region_name))
    for member, copy in plan.replace:
        if member.region_name in plan.waves.cleared:
            yield Delivery(member.name, partial(client.delete_subcloud, copy.name), _note_nothing)


def _deliveries(client: PeerPort, group_id: int, plan: Plan) -> Iterator[Iterator[Delivery]]:
    """Wave by wave."""
    works: list[tuple[Member, Callable[[int, Member], None]]] = [
        *((member, partial(_create, client)) for member in plan.create),
        *((member, partial(_update, client)) for member in plan.update),
    ]
    for member, copy in plan.replace:
        is_cleared = member.region_name in plan.waves.cleared
        works.append((member, partial(_create, client) if is_cleared else partial(_replace, client, copy)))
    steps = {member.region_name: _delivery(member, partial(work, group_id, member)) for member, work in works}
    for wave in plan.waves.order:
        yield (steps[region_name] for region_name in wave)


def _delivery(member: Member, work: Callable[[], None]) -> Delivery:
    return Delivery(member.name, work, partial(_note_pushed, member))


def _note_nothing(_: PushResult) -> None:
    pass


def _note_removed(region_name: str, result: PushResult) -> None:
    result.removed.append(region_name)


def _note_pushed(member: Member, result: PushResult) -> None:
    result.pushed.append(member)


def _update(client: PeerPort, group_id: int, member: Member) -> None:
    """One request: the values, and the group that the copy belongs to."""
    copy = client.update_subcloud(member.region_name, replace(member.payload, peer_group=str(group_id)))
    if copy.deploy_status not in COPY_STATES:
        raise MemberFailed(f"its copy is {copy.deploy_status} there after the update")


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
    copy = client.subcloud(member.region_name)
    if copy is None:
        raise error
    if copy.deploy_status not in COPY_STATES:
        raise MemberFailed(f"its region {member.region_name} is {copy.deploy_status} there")
    if copy.peer_group_id not in (None, group_id):
        raise MemberFailed(f"its copy is in another peer group there (id {copy.peer_group_id})")
    if copy.name != member.name:
        client.delete_subcloud(copy.name)
        client.add_secondary(member.payload)


def _replace(client: PeerPort, copy: RemoteSubcloud, group_id: int, member: Member) -> None:
    client.delete_subcloud(copy.name)
    _create(client, group_id, member)


def _remove(client: PeerPort, group_id: int, removal: Removal) -> None:
    name = removal.name
    if removal.look_first:
        copy = client.subcloud(removal.region_name)
        if copy is None or copy.peer_group_id not in (None, group_id):
            return  # gone, or another group's by now
        if copy.deploy_status not in COPY_STATES:
            raise MemberFailed(f"it left the group here, but is {copy.deploy_status} there")
        name = copy.name
    client.delete_subcloud(name)
