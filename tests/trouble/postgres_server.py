"""PostgreSQL servers of a test's own, that may be stopped, filled up and failed over."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcapi.lab.ports import HOST, Port

if TYPE_CHECKING:
    import psycopg

ADMINISTRATOR = "postgres"
NOT_HERE = "PostgreSQL's own programs, root to run them, or requirements-postgres.txt are not here"
# The site's own role, which may nothing special: the connections kept for superusers are none of its.
ROLE = "site"
DATABASE = "site"
MAX_CONNECTIONS = 24
OPTIONS = {
    "listen_addresses": HOST,
    "max_connections": str(MAX_CONNECTIONS),
    "shared_buffers": "16MB",
    # Nobody takes the power from this machine.
    "fsync": "off",
    "autovacuum": "off",
    "max_wal_senders": "4",
    "hot_standby": "on",
}


def binaries() -> Path | None:
    """The folder of PostgreSQL's own programs.

    None where there is none, nobody to run them as, or nothing to speak to a server with.
    """
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    can_switch = os.geteuid() == 0 and shutil.which("runuser") is not None
    if not folders or not can_switch or importlib.util.find_spec("psycopg") is None:
        return None
    try:
        pwd.getpwnam(ADMINISTRATOR)
    except KeyError:
        return None
    return folders[-1]


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user owns; pytest's own may be entered by nobody else."""
    folder = Path(tempfile.mkdtemp(prefix="dcapi-postgres-"))
    shutil.chown(folder, ADMINISTRATOR)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def small_disk(folder: Path, megabytes: int, owner: str) -> Iterator[bool]:
    """A disk of so many MB on ``folder``; yields whether this machine lets it be made."""
    folder.mkdir()
    options = f"size={megabytes}m,mode=0700,uid={pwd.getpwnam(owner).pw_uid}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)


class PostgresServer:
    """One server, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = Port()

    @property
    def port(self) -> int:
        return self._port.number

    def make(self) -> None:
        """Make an empty one, and start it."""
        self._run("initdb", "-D", str(self._folder), "-A", "trust", "--no-sync", "-U", ADMINISTRATOR)
        self.start()
        self.administer(f"CREATE ROLE {ROLE} LOGIN")

    def copy_from(self, other: PostgresServer, disk: Path | None) -> None:
        """Make a standby of another server, and start it; what is on its disk lies beside the rest."""
        own_disk = [] if disk is None else ["-T", f"{disk}={self._folder}-disk"]
        source = f"host={HOST} port={other.port} user={ADMINISTRATOR}"
        self._run(
            "pg_basebackup", "-D", str(self._folder), "-R", "-c", "fast", "--no-sync", "-d", source, *own_disk
        )
        self.start()

    def start(self) -> None:
        options = " ".join(f"-c {name}={value}" for name, value in OPTIONS.items())
        options += f" -p {self.port} -k {self._folder}"
        log = str(self._folder / "server.log")
        self._run("pg_ctl", "start", "-w", "-D", str(self._folder), "-l", log, "-o", options)

    def promote(self) -> None:
        self._run("pg_ctl", "promote", "-w", "-D", str(self._folder))

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate", "-w", "-D", str(self._folder))

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):  # it was never started, or is stopped
            self.stop()
        self._port.release()

    def administer(self, *statements: str) -> None:
        with self.connected(ADMINISTRATOR, ADMINISTRATOR, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def connected(
        self, user: str = ROLE, database: str = DATABASE, **more: Any
    ) -> psycopg.Connection[tuple[Any, ...]]:
        import psycopg

        return psycopg.connect(host=HOST, port=self.port, user=user, dbname=database, **more)

    def _run(self, program: str, *arguments: str) -> None:
        folder = binaries()
        assert folder is not None
        subprocess.run(
            ["runuser", "-u", ADMINISTRATOR, "--", str(folder / program), *arguments],
            cwd="/",
            check=True,
            stdin=subprocess.DEVNULL,
            # No pipes: the server would keep them open.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
