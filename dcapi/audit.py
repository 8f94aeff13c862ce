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

from dcapi.errors import DcapiError
from dcapi.log import AUDIT_LOGGER, fields, new_request_id, request_ids

logger = logging.getLogger(AUDIT_LOGGER)

DONE, REFUSED, FAILED = "done", "refused", "failed"

# Characters of one value that come from a client: a line stays short enough to be written at once.
LONGEST_VALUE = 512


def outcome_of(status: int) -> str:
    """What a status code means for what was attempted."""
    if status < 400:
        return DONE
    return REFUSED if status < 500 else FAILED


def write_line(entry: dict[str, Any]) -> None:
    """Write one line; texts that are too long are cut."""
    cut = {name: value[:LONGEST_VALUE] if isinstance(value, str) else value for name, value in entry.items()}
    what = (entry.get("object_type"), entry.get("verb"), entry.get("outcome"))
    logger.info(" ".join(str(word) for word in what if word), extra=fields(cut))


@contextmanager
def audited_command(object_type: str, verb: str, reference: str | None = None) -> Iterator[None]:
    """Write a line about the command of an operator on this machine that runs in the block."""
    started = time.monotonic()
    outcome = FAILED
    with request_ids(new_request_id()):
        try:
            yield
            outcome = DONE
        except DcapiError as error:
            outcome = outcome_of(error.code)
            raise
        finally:
            entry = {"verb": verb, "object_type": object_type, "object_reference": reference}
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
