"""How a playbook is aborted, step by step, whichever worker began it and whichever looks.

That it was asked for stands in a file beside the run's own, so nobody takes the run for one that was cut off
and begins it anew; the last step leaves a result, so whoever asks again is told the same.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from dcapi.deploy.playbooks.folder import AbortRequest, PlaybookFolder, PlaybookResult, PlaybookRun
from dcapi.deploy.playbooks.outcome import outcome
from dcapi.deploy.playbooks.supervision import ask_to_end, is_running
from dcapi.deploy.playbooks.supervisor.playbook import CANCELLED, Outcome
from dcapi.deploy.playbooks.supervisor.processes import end_everything
from dcapi.deploy.port import Aborted, AbortState, Failed, Phase, Running

ABORTED = "aborted"
# Seconds that a playbook may say that it must not be ended now.
HELD_SECONDS = 600.0
# Seconds that it has to end in before it is killed, and after which nobody can end it.
KILL_SECONDS, GIVE_UP_SECONDS = 20.0, 60.0
# Seconds between two looks, at one that ends and at one that must not be ended now.
ENDING_LOOK, HELD_LOOK = 0.3, 1.0


def abort(folder: PlaybookFolder, phase: Phase, *, is_free: bool, now: float) -> AbortState:
    """Take the abort of a phase one step further.

    ``is_free``: the caller holds the folder's lock. ``now`` is in seconds, on the clock of ``began_at``.
    """
    run = folder.run(phase)
    result = None if run is None else _own_result(folder, run)
    if run is not None and result is not None:
        return outcome(run, result)
    if is_free:
        folder.clear()
        return _aborted(folder, phase, run, now)
    running = next((one for one in folder.runs() if is_running(one.token)), None)
    if running is None:  # one begins or ends just now
        return Running(ENDING_LOOK)
    if running.phase != phase:
        return _aborted(folder, phase, run, now)
    return _end(folder, running, now)


def is_aborted(folder: PlaybookFolder, run: PlaybookRun) -> bool:
    """Whether this run is being aborted, or was: it did not come to its own end before."""
    return folder.abort_request(run) is not None and _own_result(folder, run) is None


def _own_result(folder: PlaybookFolder, run: PlaybookRun) -> PlaybookResult | None:
    """How a run ended by itself; None when it did not, or when that counts no longer."""
    result = None if run.discarded else folder.result(run)
    return None if result is None or result.status in (CANCELLED, ABORTED) else result


def _aborted(folder: PlaybookFolder, phase: Phase, run: PlaybookRun | None, now: float) -> Aborted:
    if run is None:  # it waited for its turn
        run = PlaybookRun(uuid.uuid4().hex, phase.value, digest="", began_at=now, output="")
        folder.write_run(run)
    if folder.abort_request(run) is None:
        folder.write_abort_request(run.phase, AbortRequest(run.token, now))
    folder.write_result(run, Outcome(ABORTED))
    return Aborted()


def _end(folder: PlaybookFolder, run: PlaybookRun, now: float) -> Running | Failed:
    request = folder.abort_request(run) or AbortRequest(run.token, now)
    is_held = folder.not_abortable.exists() and now < request.asked_at + HELD_SECONDS
    if request.end_asked_at is None and not is_held:
        request = replace(request, end_asked_at=now)
    folder.write_abort_request(run.phase, request)
    if request.end_asked_at is None:
        return Running(HELD_LOOK)
    if now > request.end_asked_at + KILL_SECONDS:
        end_everything(run.token)
    if now > request.end_asked_at + GIVE_UP_SECONDS:
        return Failed(f"playbook {run.phase}.yml: it could not be ended")
    ask_to_end(run.token)
    return Running(ENDING_LOOK)
