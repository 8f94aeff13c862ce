"""A clock that is wrong by what a file says, for the processes of one site; the machine's clock stays.

Python loads a module of this name before all others, so that gunicorn's master, its workers and whatever they
import see this clock alone. The file ``clock`` stands in the site's folder and holds seconds; it is looked at
whenever somebody asks for the time. The monotonic clock goes on: nobody can set that one.
"""

import datetime as datetimes
import os
import time
from datetime import datetime as _RealDatetime  # noqa: N812 (the class that is replaced)
from pathlib import Path
from typing import Any, Self

FILE = Path(os.environ.get("DCAPI_INSTANCE_PATH", "nowhere")).parent / "clock"

_real_time, _real_time_ns = time.time, time.time_ns
# The stamp of the file as it was read last, and the seconds in it; replaced as a whole.
_known: tuple[Any, float] = (None, 0.0)


def _shift() -> float:
    """Seconds by which the clock is ahead now."""
    global _known
    try:
        found = FILE.stat()
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp != _known[0]:
            _known = (stamp, float(FILE.read_text()))
    except FileNotFoundError:
        return 0.0
    return _known[1]


def _shifted_time() -> float:
    return _real_time() + _shift()


def _shifted_time_ns() -> int:
    return _real_time_ns() + round(_shift() * 1e9)


class _KindOfDatetime(type):
    """What C code makes is of the real class, and an instance of this one all the same."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _RealDatetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _RealDatetime)


class _ShiftedDatetime(_RealDatetime, metaclass=_KindOfDatetime):
    @classmethod
    def now(cls, tz: datetimes.tzinfo | None = None) -> Self:
        return cls.fromtimestamp(_shifted_time(), tz)

    @classmethod
    def utcnow(cls) -> Self:
        return cls.now(datetimes.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Self:
        return cls.now()


# Nothing else loads a module of this name by chance: only a site of the tests has such a folder.
time.time, time.time_ns = _shifted_time, _shifted_time_ns
datetimes.datetime = _ShiftedDatetime  # type: ignore[misc]
