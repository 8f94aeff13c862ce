"""The file of the audit log: a line is in it, or on standard error, and which of the two is known.

The file is opened for each line: it may be renamed, deleted or mended at any time, and a line is written at
once, by as many processes as there are.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

AUDIT_LOGGER = "dcapi.audit"

# Only this site's user may read it.
MODE = 0o600
# Who listens at the other end of a pipe must not hold up a request.
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
# Bytes that must be free for a line, and for those of others that are written at the same time.
ROOM = 64 * 1024


class AuditFile(logging.Handler):
    """Writes lines to a file, and to standard error while that cannot be written.

    ``strict``: whoever is about to change something asks ``problem`` before.
    """

    def __init__(self, path: Path, *, strict: bool = False) -> None:
        super().__init__()
        self.path = path
        self.strict = strict
        # Lines that are on standard error since the last one that is in the file.
        self._lost = 0
        # Whether the end of the last line is missing.
        self._torn = False

    def make(self) -> None:
        """Open the file, and make it where there is none; raises OSError."""
        with self._opened():
            pass

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; it is never lost, and never keeps from doing what it tells of."""
        line = self.format(record)
        try:
            self._tell_of_lost()
            self._append(line)
        except OSError as error:
            self._lost += 1
            with suppress(OSError, ValueError):  # standard error may be closed: then there is nothing left
                if self._lost == 1:
                    logger.warning("the audit log %s cannot be written: %s", self.path, error.strerror)
                print(line, file=sys.stderr, flush=True)  # noqa: T201 (where the lines of the log go)

    def problem(self) -> str:
        """Why no line can be written now; empty when one can."""
        self.acquire()
        try:
            self._check_room()
            self._tell_of_lost()
        except OSError as error:
            return error.strerror or type(error).__name__
        finally:
            self.release()
        return ""

    def _check_room(self) -> None:
        with self._opened() as file:
            os.write(file, b"")  # some devices say by that already that they take nothing
            space = os.fstatvfs(file)
            free = space.f_bfree if os.geteuid() == 0 else space.f_bavail
            if space.f_blocks and free * space.f_frsize < ROOM:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _tell_of_lost(self) -> None:
        """After a failure: say in the file what is missing there. That it can be written is known by that."""
        if not self._lost:
            return
        told = f"{self._lost} line(s) before this one went to standard error"
        self._append(self.format(logging.makeLogRecord({"name": AUDIT_LOGGER, "msg": told})))
        self._lost = 0

    def _append(self, line: str) -> None:
        begin = "\n" if self._torn else ""
        data = f"{begin}{line}\n".encode()
        with self._opened() as file:
            self._torn = os.write(file, data) < len(data)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextmanager
    def _opened(self) -> Iterator[int]:
        file = os.open(self.path, FLAGS, MODE)
        try:
            yield file
        finally:
            os.close(file)
