"""The files in which large bodies and answers lie: they are among those that a process may open."""

from __future__ import annotations

import threading
from tempfile import TemporaryFile
from typing import IO
from weakref import WeakSet

# Of this process: a file leaves when nobody holds it any more.
_held: WeakSet[IO[bytes]] = WeakSet()
# Bodies are written by the main loop, answers by threads.
_lock = threading.Lock()


def temporary_file() -> IO[bytes]:
    """A new file without a name, open until it is closed; raises OSError when none can be made."""
    file: IO[bytes] = TemporaryFile()  # noqa: SIM115 (it lives with the request or the answer)
    with _lock:
        _held.add(file)
    return file


def count() -> int:
    """How many are open now."""
    with _lock:
        return sum(not file.closed for file in _held)
