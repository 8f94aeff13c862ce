"""One execution of a sync for one association: read the rows, make the peer equal, write the outcome."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation
from dcapi.models.states import NO_MESSAGE
from dcapi.peers.errors import PeerError
from dcapi.peers.port import PeerPort
from dcapi.peers.texts import clean
from dcapi.runtime import Runtime
from dcapi.sync import peer_copy, status
from dcapi.sync.changes import lock_association, lock_associations
from dcapi.sync.peer_copy import AnotherLeads, CannotSync, Copies
from dcapi.sync.run import order
from dcapi.sync.run.push import PushResult, push
from dcapi.sync.snapshot import Snapshot, destination_of, snapshot_of
from dcapi.sync.status import Event
from dcapi.sync.values.ledger import forget_copies, forget_pushes, write_ledger
from dcapi.sync.values.member import Member
from dcapi.sync.values.plan import Plan, Pushed, make_plan
from dcapi.tasks.hold import Hold, LeaseLost
from dcapi.tasks.leases import Stopping, client_of, transaction

logger = logging.getLogger(__name__)

# Seconds between two notes of a run's progress in its association.
PROGRESS_SECONDS = 1.0
# So many failed members are named in the message; the others are counted, and all are in the log.
NAMED_FAILURES = 10

# Runs that may begin without one coming to its end: one more means that it is the run that ends the process.
MAX_BEGINNINGS = 5
NEVER_ENDED = f"The sync was begun {MAX_BEGINNINGS} times and was interrupted each time: see the log."


class NotItsTurn(Exception):
    """A run to the same peer that has to do with a subcloud of this one goes on."""


class RunFailed(Exception):
    """The run as a whole came to its end without making the members equal; the message says why."""


@dataclass
class Run:
    """A run under way: what it works from, under which lease, and until when."""

    runtime: Runtime
    hold: Hold
    snapshot: Snapshot
    deadline: float
    pushed: dict[str, Pushed] = field(default_factory=dict)
    remote: Copies | None = None

    def check(self) -> None:
        """Called before each request: the process goes on, and time is left."""
        if self.runtime.jobs.stopping:
            raise Stopping
        if time.monotonic() > self.deadline:
            raise RunFailed(f"The sync took longer than {self.runtime.settings.SYNC_DEADLINE:g} s.")


@dataclass(frozen=True)
class Ending:
    """How a run ended, and what to say of it."""

    event: Event
    message: str = NO_MESSAGE


def sync(runtime: Runtime, hold: Hold, association_id: int) -> bool:
    """Run the sync of an association under a lease that is held; raises LeaseLost and Stopping.

    Every other end, good or bad, is written to the association. Returns False when nothing was done, because
    a run that shares a subcloud with this one goes on: then the reconciler comes back to it.
    """
    try:
        snapshot = _begin(runtime, hold, association_id)
    except NotItsTurn:
        return False
    if snapshot is None:
        return True
    if snapshot.runs_begun > MAX_BEGINNINGS:
        _finish(Run(runtime, hold, snapshot, 0.0), Ending(Event.RUN_FAILED, NEVER_ENDED))
        return True
    run = Run(runtime, hold, snapshot, time.monotonic() + runtime.settings.SYNC_DEADLINE)
    started = time.monotonic()
    try:
        ending = _execute(run)
    except Stopping:
        _forgive(run)
        raise
    _finish(run, ending)
    _log_ending(snapshot, ending, time.monotonic() - started)
    return True


def _log_ending(snapshot: Snapshot, ending: Ending, seconds: float) -> None:
    failed = ending.event is Event.RUN_FAILED
    logger.log(
        logging.WARNING if failed else logging.INFO,
        "sync of association %d with peer %s: %s after %.2f s, members: %d%s",
        snapshot.target.association_id,
        snapshot.target.peer.name,
        ending.event,
        seconds,
        len(snapshot.members),
        "" if ending.message == NO_MESSAGE else f": {ending.message}",
    )


def _forgive(run: Run) -> None:
    """A run that the process's own end interrupts says nothing against the run."""
    with transaction(run.runtime, run.hold) as session:
        association = lock_association(session, run.snapshot.target.association_id)
        if association is not None and association.runs_begun > 0:
            association.runs_begun -= 1


def _begin(runtime: Runtime, hold: Hold, association_id: int) -> Snapshot | None:
    with transaction(runtime, hold) as session:
        association = _lock_in_turn(session, association_id)
        if association is None or association.deleting:
            return None
        association.members_done, association.members_total = 0, 0
        association.runs_begun += 1
        # While the peer is being told nobody knows what it shows: a crash now must not look like "told".
        association.told_status = None
        return snapshot_of(session, association)


def _lock_in_turn(session: Session, association_id: int) -> PeerGroupAssociation | None:
    """The association, locked together with those whose runs must not go on beside its own.

    So of two that want to begin at once one sees that the other did. Raises NotItsTurn when one goes on.
    """
    peer_id = session.scalar(
        select(PeerGroupAssociation.system_peer_id).where(PeerGroupAssociation.id == association_id)
    )
    if peer_id is None:
        return None
    ids = {association_id, *order.sharing_with(session, association_id, peer_id)}
    locked = {row.id: row for row in lock_associations(session, PeerGroupAssociation.id.in_(ids))}
    association = locked.pop(association_id, None)
    if order.has_begun(session, locked.values()):
        raise NotItsTurn
    return association


def _execute(run: Run) -> Ending:
    """Make the peer equal; whatever the peer does ends in an event of the status table."""
    target = run.snapshot.target
    if not target.peer.enabled:
        return Ending(Event.RUN_FAILED, "system peer is disabled")
    client = client_of(run.runtime, target.peer, run.hold, check=run.check)
    try:
        outcome = _make_equal(run, client)
    except AnotherLeads as error:
        return Ending(Event.RUN_GAVE_WAY, str(error))
    except (CannotSync, RunFailed) as error:
        return Ending(Event.RUN_FAILED, str(error))
    except PeerError as error:
        return Ending(Event.RUN_FAILED, error.message)
    if outcome.failures:
        return Ending(Event.RUN_FAILED, _describe_failures(outcome.failures, len(run.snapshot.members)))
    return Ending(Event.RUN_ENDED_WELL)


def _make_equal(run: Run, client: PeerPort) -> PushResult:
    snapshot = run.snapshot
    run.remote = remote = peer_copy.find_or_create(client, run.runtime.site, snapshot.target)
    _remember_copies(run)
    client.tell_association(remote.association_id, status.SYNCING.status)
    peer_copy.make_equal(client, remote.group, snapshot.target)
    plan = _plan(client, remote, snapshot.members, snapshot.ledger)
    if plan.is_empty:
        return PushResult()
    _announce(run, plan)
    threads = run.runtime.settings.PEER_MEMBER_THREADS
    outcome = PushResult(failures=dict(plan.problems))
    try:
        push(client, remote.group.id, plan, threads, outcome, _Progress(run).report)
    finally:
        # Also when the time was over: what arrived until then need not be sent again.
        _note_outcome(run, outcome)
    if not outcome.failures:
        _verify(client, run, outcome)
    return outcome


def _plan(client: PeerPort, remote: Copies, members: Iterable[Member], ledger: dict[str, Pushed]) -> Plan:
    return make_plan(members, client.group_subclouds(remote.group.id), ledger)


def _note_outcome(run: Run, outcome: PushResult) -> None:
    for member in outcome.pushed:
        run.pushed[member.region_name] = Pushed(member.name, member.digest)
    for region_name in outcome.removed:
        run.pushed[region_name] = Pushed(run.snapshot.ledger[region_name].name, None, removed=True)


def _verify(client: PeerPort, run: Run, outcome: PushResult) -> None:
    """Read the members once more: what does not show what was sent is a failure, whoever changed it."""
    assert run.remote is not None
    left = _plan(client, run.remote, run.snapshot.members, run.snapshot.ledger | run.pushed)
    outcome.failures.update(left.problems)
    for member in [*left.create, *left.update, *(member for member, _ in left.replace)]:
        outcome.failures[member.name] = "it was sent, but the peer shows something else"
    for removal in left.remove:
        outcome.failures[removal.name] = "it was deleted, but is back"


def _describe_failures(failures: dict[str, str], members: int) -> str:
    # Names and states may be the peer's: nobody checked what stands in them.
    named = [f"{clean(name)}: {clean(why)}" for name, why in list(failures.items())[:NAMED_FAILURES]]
    if len(failures) > NAMED_FAILURES:
        named.append(f"and {len(failures) - NAMED_FAILURES} more")
    return f"{len(failures)} subcloud(s) of {members} could not be synced. " + "; ".join(named)


def _remember_copies(run: Run) -> None:
    """Store the ids of the copies as soon as they are known: a crash finds them by id, not by name."""
    remote, target = run.remote, run.snapshot.target
    assert remote is not None
    if (remote.group.id, remote.association_id) == (target.remote_group_id, target.remote_association_id):
        return
    with transaction(run.runtime, run.hold) as session:
        for row in lock_associations(session, PeerGroupAssociation.system_peer_id == target.peer.id):
            if row.id == target.association_id:
                row.remote_group_id, row.remote_association_id = remote.group.id, remote.association_id
            else:
                _give_up_ids(row, remote)


def _give_up_ids(association: PeerGroupAssociation, remote: Copies) -> None:
    """A peer that was set up anew gives ids again: what is another group's now is not this one's any more."""
    if association.remote_group_id == remote.group.id:
        association.remote_group_id = None
    if association.remote_association_id == remote.association_id:
        association.remote_association_id = None


def _announce(run: Run, plan: Plan) -> None:
    """Enter into the ledger what is about to be sent, so that a crash leaves nothing unknown at the peer."""
    association_id = run.snapshot.target.association_id
    entries = _about_to_be_sent(plan, run.snapshot.ledger)
    with transaction(run.runtime, run.hold) as session:
        association = lock_association(session, association_id)
        if association is None:
            raise LeaseLost(f"association {association_id} was deleted")
        association.members_total = plan.changes
        write_ledger(session, association_id, entries)


def _about_to_be_sent(plan: Plan, ledger: Mapping[str, Pushed]) -> dict[str, Pushed]:
    """A copy that is updated has what arrived last or is sent now; one that is made anew may be gone."""
    entries = {
        member.region_name: Pushed(member.name, None, sending=member.digest)
        for member in [*plan.create, *(member for member, _ in plan.replace)]
    }
    for member in plan.update:
        before = ledger.get(member.region_name)
        arrived = None if before is None or before.removed else before.digest
        entries[member.region_name] = Pushed(member.name, arrived, sending=member.digest)
    return entries


class _Progress:
    """Notes now and then, in log and association, how many subclouds are done."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._next = 0.0

    def report(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now < self._next and done < total:
            return
        self._next = now + PROGRESS_SECONDS
        target = self._run.snapshot.target
        logger.info(
            "sync of association %d with peer %s: %d of %d subclouds done",
            target.association_id,
            target.peer.name,
            done,
            total,
        )
        with self._run.runtime.unit_of_work() as session:
            association = lock_association(session, target.association_id)
            if association is not None:
                association.members_done, association.members_total = done, total
                session.commit()


def _finish(run: Run, ending: Ending) -> None:
    """Write the outcome, if the lease is still ours; the peer is told next."""
    association_id = run.snapshot.target.association_id
    with transaction(run.runtime, run.hold) as session:
        association = lock_association(session, association_id)
        if association is None or association.deleting:
            return
        if _peer_changed(association, run.snapshot):
            _forget_peer_as_it_was(session, association, run.snapshot)
            ending = Ending(Event.RUN_GAVE_WAY, "The system peer was changed while the sync was running.")
        else:
            write_ledger(session, association_id, run.pushed)
            if ending.event is Event.RUN_GAVE_WAY:
                # What the peer did is for an audit to find out.
                association.audit_asked += 1
        # After all that reads: one statement for the association, which is locked the shorter.
        association.runs_begun = association.members_done = association.members_total = 0
        event = _final_event(association, run, ending.event)
        status.move(association, event, ending.message)


def _final_event(association: PeerGroupAssociation, run: Run, event: Event) -> Event:
    if association.sync_asked != run.snapshot.sync_asked:
        return Event.RUN_ENDED_ASKED_AGAIN
    if event is Event.RUN_ENDED_WELL and _is_stale(association, run):
        return Event.RUN_ENDED_STALE
    return event


def _is_stale(association: PeerGroupAssociation, run: Run) -> bool:
    """Whether something came in that the run did not know of. Source: "A run notes the revision"."""
    now = destination_of(association)
    return (
        association.revision != run.snapshot.revision
        or bool(now.wanted.missing_in(run.snapshot.target.wanted))
        or now.group.is_migrating
    )


def _forget_peer_as_it_was(session: Session, association: PeerGroupAssociation, snapshot: Snapshot) -> None:
    """Behind another gateway stands the same copy, which still has to be told how this run ended."""
    before, now = snapshot.target.peer, association.peer
    if (before.uuid, before.endpoint) == (now.peer_uuid, now.manager_endpoint):
        forget_pushes(session, association)
    else:
        forget_copies(session, association, same_system=before.uuid == now.peer_uuid)


def _peer_changed(association: PeerGroupAssociation, snapshot: Snapshot) -> bool:
    before, now = snapshot.target.peer, destination_of(association).peer
    return (before.uuid, before.endpoint, before.gateway_address) != (
        now.uuid,
        now.endpoint,
        now.gateway_address,
    )
