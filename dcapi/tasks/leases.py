"""The leases that work is done under: their names, and the two doors through which code meets them.

A transaction confirms its leases on entry and commits at its end; a peer's client ensures them before each
request. What is written, and what is sent, is so never done under a lease that another process holds by now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from sqlalchemy.orm import Session

from dcapi.peers.address import PeerAddress
from dcapi.peers.port import PeerPort
from dcapi.runtime import Runtime
from dcapi.tasks.hold import Hold, LeaseLost, take_hold

# Seconds between two looks whether a lease is free.
PAUSE = 0.05


class Stopping(Exception):
    """This process ends: whoever sweeps next goes on with what it was doing."""


# -- Names --


def association_lease(association_id: int) -> str:
    """Under this lease the peer of an association is called about it."""
    return f"association:{association_id}"


def group_lease(group_id: int) -> str:
    """One change of what a group shares with its copies goes on at a time."""
    return f"group:{group_id}"


def migration_lease(group_id: int) -> str:
    """Under this lease other sites are told of a migration, and members are let in."""
    return f"migration:{group_id}"


def subcloud_lease(subcloud_id: int) -> str:
    """A subcloud is deployed, taken over or torn down one at a time."""
    return f"subcloud:{subcloud_id}"


def prestage_lease(subcloud_id: int) -> str:
    """A subcloud that is prestaged runs, and other work on it may go on."""
    return f"prestage:{subcloud_id}"


def peer_lease(peer_id: int) -> str:
    """One process watches a peer."""
    return f"peer:{peer_id}"


# -- Taking one --


def take(runtime: Runtime, name: str, seconds: float | None = None) -> Hold | None:
    """Take a lease for this process; None while somebody holds it.

    ``seconds`` is its length, LEASE_SECONDS unless said otherwise. Not to be called inside a transaction.
    """
    length = runtime.settings.LEASE_SECONDS if seconds is None else seconds
    return take_hold(runtime.unit_of_work, name, runtime.owner, length)


def take_by(runtime: Runtime, name: str, deadline: float) -> Hold | None:
    """The same, tried until ``deadline`` on the monotonic clock; None when somebody holds it for longer."""
    while (hold := take(runtime, name)) is None and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return hold


# -- The doors --


@contextmanager
def transaction(runtime: Runtime, *holds: Hold) -> Iterator[Session]:
    """A transaction under leases: they are confirmed on entry, and it commits at its end.

    Raises LeaseLost when one of them is not held any more; an error inside leaves nothing written.
    """
    with runtime.unit_of_work() as session:
        for hold in holds:
            hold.confirm(session)
        yield session
        session.commit()
    for hold in holds:
        hold.note_commit()


def still_held(session: Session, holds: Mapping[int, Hold]) -> set[int]:
    """The keys of those leases that are held until this transaction ends."""
    found = set()
    for key, hold in sorted(holds.items()):
        with suppress(LeaseLost):
            hold.confirm(session)
            found.add(key)
    return found


def client_of(
    runtime: Runtime, address: PeerAddress, *holds: Hold, check: Callable[[], None] | None = None
) -> PeerPort:
    """A client for a peer whose leases outlive each of its requests.

    ``check`` is called before each request as well; what it raises ends the request. A request raises
    LeaseLost when a lease is gone. A reading that decides a single request needs no lease.
    """
    client = runtime.peers.client(address)

    def before_request() -> None:
        if check is not None:
            check()
        for hold in holds:
            hold.ensure(client.request_limit)

    client.before_request = before_request
    return client


def stop_check(runtime: Runtime) -> Callable[[], None]:
    """A check for ``client_of`` that raises Stopping when this process ends."""

    def check() -> None:
        if runtime.jobs.stopping:
            raise Stopping

    return check
