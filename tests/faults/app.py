"""The application of the site under test: the product, its requests to the peer marked with their lease.

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
from dcapi.jobs.hold import Hold
from dcapi.peers.adapter import PeerAdapter
from dcapi.sync import remote_group, run

# Names the lease under which a request is sent: its name, its epoch and the process of its holder.
MARK_HEADER = "X-Sent-Under"

_mark: ContextVar[str] = ContextVar("mark", default="")


def make(plant: str = "") -> Flask:
    """The application, with the defect of that name planted; raises KeyError for one that is not known."""
    if plant:
        PLANTS[plant]()
    _mark_requests()
    return dcapi.create_app()


def _mark_requests() -> None:
    """Let the adapter add the mark that the check before the request, on the same thread, has left."""
    ensure, answer = Hold.ensure, PeerAdapter._answer

    def marking_ensure(hold: Hold, seconds: float) -> None:
        _mark.set(f"{hold.name} {hold.epoch} {os.getpid()}")
        ensure(hold, seconds)

    def marked_answer(adapter: PeerAdapter, request: Any, *args: Any, **options: Any) -> Any:
        request.headers[MARK_HEADER] = _mark.get()
        return answer(adapter, request, *args, **options)

    _replace(Hold, "ensure", marking_ensure)
    _replace(PeerAdapter, "_answer", marked_answer)


def _replace(owner: object, name: str, function: Callable[..., Any]) -> None:
    setattr(owner, name, function)


def _do_nothing(*_: Any) -> None:
    pass


def _forget_revisions() -> None:
    """A change that came in during a run goes unnoticed at its end."""
    _replace(run, "_is_stale", lambda *_: False)


def _forget_leases() -> None:
    """A holder that lost its lease goes on."""
    _replace(Hold, "ensure", _do_nothing)
    _replace(Hold, "confirm", _do_nothing)


def _forget_leaders() -> None:
    """A copy that another site leads by now is written all the same; whoever imported the check."""
    remote_group.check_leader.__code__ = _do_nothing.__code__


PLANTS: dict[str, Callable[[], None]] = {
    "revision": _forget_revisions,
    "lease": _forget_leases,
    "leader": _forget_leaders,
}
