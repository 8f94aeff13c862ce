"""Watches the peers: which ones answer, and which of their copies drifted. One process watches a peer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from sqlalchemy import exists, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dcapi.log import new_request_id, request_id
from dcapi.models import PeerGroupAssociation, SystemPeer
from dcapi.models.engine import read_only
from dcapi.models.states import Administrative
from dcapi.peers.address import PeerAddress
from dcapi.peers.errors import PeerError
from dcapi.peers.exchange import within
from dcapi.runtime import Runtime
from dcapi.sync import peer_alarms
from dcapi.sync.snapshot import address_of
from dcapi.sync.subcloud_alarms import untrue_let_go
from dcapi.sync.watch import heartbeat
from dcapi.sync.watch.drift import Heard
from dcapi.sync.watch.recheck import rechecks_requested
from dcapi.tasks import leases
from dcapi.tasks.hold import Hold, LeaseLost, held_leases
from dcapi.tasks.leases import client_of, peer_lease

logger = logging.getLogger(__name__)

# A lease outlives a heartbeat, which takes at most one interval, and is over before two have passed.
LEASE_INTERVALS = 1.5
# Seconds after which the watches are read anew, at the latest; shorter intervals look more often.
LONGEST_LOOK = 1.0
LOOKS_PER_INTERVAL = 5


@dataclass(frozen=True)
class WatchedPeer:
    """A peer that has to be watched, as its row says."""

    address: PeerAddress
    interval: float


@dataclass
class PeerWatch:
    """This process watches a peer as its row said then: under which lease, and when a heartbeat is due."""

    watch: WatchedPeer
    hold: Hold
    due: float
    beat: Future[bool] | None = None
    # What the peer said of its migrations, and was audited for.
    heard: Heard = field(default_factory=dict)

    @property
    def is_under_way(self) -> bool:
        return self.beat is not None and not self.beat.done()

    @property
    def is_over(self) -> bool:
        """Whether the last heartbeat found that another process watches this peer by now."""
        return self.beat is not None and self.beat.done() and not self.beat.result()

    def does_not_fit(self, watch: WatchedPeer | None) -> bool:
        """Whether it has to end: another interval wants another lease, and any change a check at once."""
        return self.is_over or self.watch != watch


def read_watches(session: Session) -> dict[int, WatchedPeer]:
    """The enabled peers that have an association, by id."""
    query = select(SystemPeer).where(
        SystemPeer.administrative_state == Administrative.ENABLED,
        exists().where(PeerGroupAssociation.system_peer_id == SystemPeer.id),
    )
    return {
        peer.id: WatchedPeer(address_of(peer), float(peer.heartbeat_interval))
        for peer in session.scalars(query)
    }


class Monitor:
    """The thread that gives the peers their turns, and the threads on which their heartbeats run."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._wakeup = runtime.monitor_wakeup
        self._turns: dict[int, PeerWatch] = {}
        self._woken = 0
        self._stopping = False
        self._pool = ThreadPoolExecutor(runtime.settings.HEARTBEAT_THREADS, "heartbeat")
        self._thread = threading.Thread(target=self._watch_for_ever, name="monitor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Give the peers up to the other processes; heartbeats under way are left to their time limit."""
        self._stopping = True
        self._wakeup.set()
        self._thread.join(self._runtime.settings.DRAIN_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)
        for turn in self._turns.values():
            if not turn.is_under_way:
                self._release(turn.hold)

    @staticmethod
    def _release(hold: Hold) -> None:
        """Give a peer up; while the database is away the lease is left to expire."""
        try:
            hold.release()
        except SQLAlchemyError:
            logger.warning("lease %s could not be released, it expires by itself", hold.name)

    def _watch_for_ever(self) -> None:
        pause = 0.0
        while not self._stopping:
            try:
                pause = self.look()
            # The thread boundary: a database that is away for a moment must not end the watch.
            except Exception:
                logger.exception("the watches could not be read, the next look tries again")
                pause = LONGEST_LOOK
            self._wakeup.wait(pause)

    def _forget_heard(self, woken: int) -> None:
        """Somebody has news: at the next heartbeat every group is looked at as if for the first time.

        The one that is under way keeps what it has: it asked its peer before.
        """
        if woken != self._woken:
            self._woken = woken
            for turn in self._turns.values():
                turn.heard = {}

    def look(self) -> float:
        """Take the turns that are free and begin the heartbeats that are due.

        Returns the seconds to the next look.
        """
        with self._runtime.unit_of_work() as session:
            watches = read_watches(read_only(session))
            taken = _taken(session, watches)
            over = peer_alarms.untrue_alarms(session, (it.address.uuid for it in watches.values()))
            over += untrue_let_go(session)
            woken = rechecks_requested(session)
        self._clear(over)
        self._forget_heard(woken)
        self._drop(
            peer_id for peer_id, turn in list(self._turns.items()) if turn.does_not_fit(watches.get(peer_id))
        )
        for peer_id in set(watches) - set(self._turns) - taken:
            self._take_turn(peer_id, watches[peer_id])
        for peer_id, turn in self._turns.items():
            if turn.due <= time.monotonic() and not turn.is_under_way:
                turn.due = time.monotonic() + turn.watch.interval
                turn.beat = self._pool.submit(self._beat, peer_id, turn)
        return min([LONGEST_LOOK, *(watch.interval / LOOKS_PER_INTERVAL for watch in watches.values())])

    def _clear(self, over: list[tuple[str, str]]) -> None:
        if over:
            with self._runtime.unit_of_work() as session:
                for alarm_id, entity in over:
                    peer_alarms.clear_alarm(session, alarm_id, entity)
                session.commit()

    def _drop(self, peer_ids: Iterable[int]) -> None:
        for peer_id in peer_ids:
            self._release(self._turns.pop(peer_id).hold)

    def _take_turn(self, peer_id: int, watch: WatchedPeer) -> None:
        hold = leases.take(self._runtime, peer_lease(peer_id), watch.interval * LEASE_INTERVALS)
        if hold is not None:
            # The first heartbeat is due at once.
            self._turns[peer_id] = PeerWatch(watch, hold, due=time.monotonic())

    def _beat(self, peer_id: int, turn: PeerWatch) -> bool:
        """One heartbeat; returns whether this process still watches the peer afterwards."""
        request_id.set(new_request_id())
        try:
            # The lease has to live until the next heartbeat, not for this one alone.
            turn.hold.ensure(turn.watch.interval)
            beat(self._runtime, turn.hold, peer_id, turn.watch, turn.heard)
        except LeaseLost:
            return False
        # The thread boundary: one heartbeat that goes wrong must not be the last one.
        except Exception:
            logger.exception("the heartbeat of peer %s could not be noted", turn.watch.address.name)
        return True


def _taken(session: Session, watches: dict[int, WatchedPeer]) -> set[int]:
    """The peers that some process watches now: reading that is cheaper than trying to take their leases."""
    names = {peer_lease(peer_id): peer_id for peer_id in watches}
    return {names[name] for name in held_leases(session, names)}


def beat(runtime: Runtime, hold: Hold, peer_id: int, watch: WatchedPeer, heard: Heard | None = None) -> None:
    """Ask a peer for its groups, within one interval, and note what that means. Raises LeaseLost.

    ``heard`` is what the watcher of the peer keeps from beat to beat.
    """
    limit = min(watch.interval, runtime.settings.PEER_CONNECT_TIMEOUT + runtime.settings.PEER_READ_TIMEOUT)
    client = client_of(runtime, watch.address, hold)
    with runtime.unit_of_work() as session:
        seen = heartbeat.seen_before(read_only(session), peer_id)
    try:
        with within(limit):
            groups = client.groups()
            heartbeat.note_success(
                runtime, hold, client, peer_id, groups, seen, {} if heard is None else heard
            )
    except PeerError as error:
        heartbeat.note_failure(runtime, hold, peer_id, error.message)
