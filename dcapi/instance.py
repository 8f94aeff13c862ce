"""The instance folder: what a site makes once and keeps beside its database."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Generic, TypeVar

from dcapi.errors import SettingsError
from dcapi.settings import Settings

PROJECT_ROOT = Path(__file__).resolve().parent.parent

Content = TypeVar("Content")
# What differs when a file is another one than before: time of the last change, size, number of the inode.
Stamp = tuple[int, int, int]


def stamp_of(path: Path) -> Stamp:
    """The stamp of a file now; raises FileNotFoundError."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


class InstanceFolder:
    """Files that only this site's user may read, each made by exactly one of the processes that want it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, settings: Settings) -> InstanceFolder:
        """The folder that the settings name; a relative one stands beside wsgi.py."""
        return cls(PROJECT_ROOT / settings.INSTANCE_PATH)

    def make(self) -> None:
        """Make the folder and those above it that are missing; raises SettingsError if that cannot be."""
        try:
            # Not by ``parents=True``, which gives the folders above the mode that everybody can read.
            for folder in [*reversed(self.path.parents), self.path]:
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"DCAPI_INSTANCE_PATH={str(self.path)!r} cannot be made: {error}") from error

    def make_private(self, path: Path) -> None:
        """Make an empty file that only this site's user may read, unless it is there."""
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))

    def check_secret(self, name: str) -> None:
        """Raises SettingsError when the file ``name`` is there and not for some users alone."""
        path = self.path / name
        if path.exists() and path.stat().st_mode & 0o007:
            raise SettingsError(
                f"{path} holds keys, and every user of this host may open it: let it be the site's user's "
                "alone (chmod 600), and change the keys if somebody else may have read them"
            )

    def made_once(self, name: str, make: Callable[[], str]) -> str:
        """The text of the file ``name``; made by ``make`` and kept with mode 0600 when there is none."""
        self.make_once(name, make)
        return (self.path / name).read_text()

    def make_once(self, name: str, make: Callable[[], str]) -> None:
        """Make the file ``name``, with mode 0600, unless it is there."""
        target = self.path / name
        if not target.exists():
            self._publish(target, make())

    def _publish(self, target: Path, text: str) -> None:
        """Let the file appear whole, or not at all when another process was first."""
        draft = self._draft(text)
        with suppress(FileExistsError):
            os.link(draft, target)
        draft.unlink()

    def replace(self, name: str, text: str) -> None:
        """Write a file anew; a reader sees the old text or the new one."""
        self._draft(text).replace(self.path / name)

    def append(self, name: str, text: str) -> None:
        """Add to the end of a file, which is made with mode 0600 when there is none."""
        handle = os.open(self.path / name, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def _draft(self, text: str) -> Path:
        handle, name = tempfile.mkstemp(dir=self.path, prefix=".draft-")  # mkstemp makes it 0600
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return Path(name)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold a lock between the processes of this site."""
        self.make_private(lock := self.path / f".{name}.lock")
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class FollowedFile(Generic[Content]):
    """What a file holds, parsed anew only when the file has changed."""

    def __init__(self, path: Path, parse: Callable[[bytes], Content]) -> None:
        self._path = path
        self._parse = parse
        self._known: tuple[Stamp, Content] | None = None

    def read(self) -> Content:
        """What the file holds now; raises FileNotFoundError, and what ``parse`` raises."""
        now = stamp_of(self._path)
        known = self._known
        if known is not None and known[0] == now:
            return known[1]
        # A text newer than its stamp does no harm: the next look sees another stamp and reads again.
        content = self._parse(self._path.read_bytes())
        self._known = (now, content)
        return content
