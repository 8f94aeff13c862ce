"""The application of the sites: the product, its requests to the peer marked with their lease.

``make`` can plant a defect, so that the harness shows that it would find one. gunicorn is given this module
in place of ``wsgi``, as ``tests.faults.app:make("revision")``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from flask import Flask

import dcapi
from dcapi.models import engine
from dcapi.peers.adapter import PeerAdapter
from dcapi.services.inventory import member_request, membership
from dcapi.sync import asking, peer_copy
from dcapi.sync.audit import decisions
from dcapi.sync.run import sync
from dcapi.sync.takeover import cede, originals
from dcapi.tasks.hold import Hold

# Names the lease under which a request is sent: its name, its epoch and the process of its holder.
MARK_HEADER = "X-Sent-Under"
# A server of PostgreSQL bears a hundred connections in all, and sites that are played side by side share it.
KEPT_CONNECTIONS = 1

# The function that adds it.
MARKED = "marked_answer"

_mark: ContextVar[str] = ContextVar("mark", default="")


def make(plant: str = "") -> Flask:
    """The application, with the defect of that name planted; raises KeyError for one that is not known."""
    if plant:
        PLANTS[plant]()
    _replace(engine, "KEPT_CONNECTIONS", KEPT_CONNECTIONS)
    _mark_requests()
    return dcapi.create_app()


def _mark_requests() -> None:
    """Let the adapter add the mark that the check before the request, on the same thread, has left.

    Once: a worker that could not start makes the application again in its process.
    """
    if PeerAdapter._answer.__name__ == MARKED:
        return
    ensure, answer = Hold.ensure, PeerAdapter._answer

    def marking_ensure(hold: Hold, seconds: float) -> None:
        _mark.set(f"{hold.name} {hold.epoch} {os.getpid()}")
        ensure(hold, seconds)

    def marked_answer(adapter: PeerAdapter, request: Any, *args: Any, **options: Any) -> Any:
        request.headers[MARK_HEADER] = _mark.get()
        # It counts for one request: the next one on this thread may be sent under no lease.
        _mark.set("")
        return answer(adapter, request, *args, **options)

    _replace(Hold, "ensure", marking_ensure)
    _replace(PeerAdapter, "_answer", marked_answer)


def _replace(owner: object, name: str, value: object) -> None:
    """Raises AttributeError when the product has nothing of that name: it would go on as before."""
    getattr(owner, name)
    setattr(owner, name, value)


def _do_nothing(*_: Any) -> None:
    pass


def _forget_revisions() -> None:
    """A change that came in during a run goes unnoticed at its end."""
    _replace(sync, "_is_stale", lambda *_: False)


def _forget_leases() -> None:
    """A holder that lost its lease goes on."""
    _replace(Hold, "ensure", _do_nothing)
    _replace(Hold, "confirm", _do_nothing)


def _forget_leaders() -> None:
    """A copy that another site leads by now is written all the same; whoever imported the check."""
    peer_copy.check_leader.__code__ = _do_nothing.__code__


def _forget_who_began() -> None:
    """An original that migrates a group, or has begun with a member, is in nobody's way."""
    _replace(originals, "why_lost", lambda *_: None)
    _replace(cede, "_cede_by_original", lambda client, _, region_name: cede._cede(client, region_name))


def _forget_own_migration() -> None:
    """A member that this site migrates is let go to whoever asks for it."""
    _replace(membership, "CEDING_RULES", ())


def _forget_answers() -> None:
    """A peer that heard that it is to follow is asked again at once."""
    _replace(asking, "note_asked", lambda *_, **__: 0.0)


def _forget_who_managed() -> None:
    """What the leader does not have is deleted, whoever managed it."""
    _replace(decisions.MemberHere, "is_deletable", True)


def _forget_copies() -> None:
    """A copy is managed when somebody says that another site asks for it."""
    _replace(member_request.Situation, "manages_copy", False)


PLANTS: dict[str, Callable[[], None]] = {
    "revision": _forget_revisions,
    "lease": _forget_leases,
    "leader": _forget_leaders,
    "managed": _forget_who_managed,
    "copy": _forget_copies,
    "began": _forget_who_began,
    "own": _forget_own_migration,
    "heard": _forget_answers,
}
