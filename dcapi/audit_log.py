"""The audit log: one line for each attempt to change something, whoever tried and whatever came of it.

It has a logger of its own, ``dcapi.audit``. A line never holds a body, a header with a token, or a query.
"""

from __future__ import annotations

import logging
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dcapi.errors import DcapiError, Unavailable
from dcapi.log import AUDIT_LOGGER, audit_file, fields, new_request_id, request_ids

logger = logging.getLogger(AUDIT_LOGGER)

# Seconds after which a change that cannot be recorded may be tried again.
RETRY_AFTER = 10

DONE, REFUSED, FAILED = "done", "refused", "failed"

# Characters of one value that come from a client: a line stays short enough to be written at once.
LONGEST_VALUE = 512


def outcome_of(status: int) -> str:
    """What a status code means for what was attempted."""
    if status < 400:
        return DONE
    return REFUSED if status < 500 else FAILED


def problem() -> str:
    """Why the file of the audit log cannot be written now; empty when it can, and when there is none."""
    file = audit_file()
    return "" if file is None else file.problem()


def refuse_unrecorded() -> None:
    """Before something is changed, where the settings want every change on record: raises Unavailable when
    its line cannot be written."""
    file = audit_file()
    if file is not None and file.strict and file.problem():
        raise Unavailable("The audit log cannot be written, so nothing is changed", retry_after=RETRY_AFTER)


def write_line(entry: dict[str, Any]) -> None:
    """Write one line; texts that are too long are cut."""
    cut = {name: value[:LONGEST_VALUE] if isinstance(value, str) else value for name, value in entry.items()}
    what = (entry.get("object_type"), entry.get("verb"), entry.get("outcome"))
    logger.info(" ".join(str(word) for word in what if word), extra=fields(cut))


def tell_act(verb: str, object_type: str, object_id: int, object_name: str, **more: Any) -> None:
    """Write a line about what this site does by itself, not because a caller asks for it.

    ``more``: ``peer``, the site whose word or silence led to it; ``site``, this one, where it acts for
    itself; and what else the line names.
    """
    peer, site = more.get("peer"), more.pop("site", None)
    actor = {"sender": "site" if site else "peer", "user_name": site or peer}
    what = {"verb": verb, "object_type": object_type, "object_id": object_id, "object_name": object_name}
    write_line({**actor, **what, "outcome": DONE, **more})


@contextmanager
def audited_command(object_type: str, verb: str, reference: str | None = None) -> Iterator[dict[str, Any]]:
    """Write a line about the command of an operator on this machine that runs in the block.

    The block is given what the line says of its object, to add what it finds out itself.
    """
    started = time.monotonic()
    outcome = FAILED
    entry = {"verb": verb, "object_type": object_type, "object_reference": reference}
    with request_ids(new_request_id()):
        try:
            refuse_unrecorded()
            yield entry
            outcome = DONE
        except DcapiError as error:
            outcome = outcome_of(error.code)
            raise
        finally:
            write_line({**_who(), **entry, "outcome": outcome, "duration_ms": milliseconds_since(started)})


def milliseconds_since(started: float) -> float:
    """Milliseconds since a moment on the monotonic clock."""
    return round((time.monotonic() - started) * 1000, 1)


def _who() -> dict[str, Any]:
    return {
        "user_id": f"uid:{os.getuid()}",
        "user_name": _name_of(os.getuid()),
        "sudo_user": os.environ.get("SUDO_USER"),
        "sender": "command line",
    }


def _name_of(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container may run under a number that nobody has
        return None
