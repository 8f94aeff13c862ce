"""A SQLite file that is full, locked, gone or another one: 503 for who writes, soon, and no restart."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import requests

from tests.faults.processes import workers_of
from tests.trouble.postgres_server import small_disk
from tests.trouble.sick_site import SickSite, expect_refusal

DISK_MEGABYTES = 8
# Three times as many as write at once: the second ones have their turn when the first ones give up.
WRITERS = 24
# Requests that fill what is left of the journal's file.
UNTIL_FULL = 300


class Ward:
    """A site, and the file of its database, on a disk of its own where one can be made."""

    def __init__(self, folder: Path, disk: Path, *, is_small: bool) -> None:
        self.disk = disk
        self.is_small = is_small
        self.file = disk / "site.sqlite3"
        self.site = SickSite(folder, f"sqlite:///{self.file}", RECONCILE_SECONDS="1")


@pytest.fixture(scope="module")
def shared_ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    folder = tmp_path_factory.mktemp("site")
    with small_disk(folder / "disk", DISK_MEGABYTES, "root") as is_small:
        ward = Ward(folder / "site", folder / "disk", is_small=is_small)
        try:
            ward.site.start()
            yield ward
        finally:
            ward.site.site.close()


@pytest.fixture
def ward(shared_ward: Ward) -> Iterator[Ward]:
    """The same for all but the last; each test finds it well, and leaves it so."""
    shared_ward.site.expect_recovery()
    yield shared_ward
    assert shared_ward.site.site.running


@pytest.fixture
def site(ward: Ward) -> SickSite:
    return ward.site


@contextmanager
def no_room(disk: Path) -> Iterator[None]:
    """A file takes all that is left of a disk."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    try:
        yield
    finally:
        filler.unlink()


def write_until_refused(site: SickSite) -> requests.Response:
    for _ in range(UNTIL_FULL):
        answer = site.write()
        if answer.status_code != requests.codes.ok:
            return answer
    raise AssertionError("the disk was never full")


def test_a_full_disk_is_named_and_reads_go_on(ward: Ward, site: SickSite) -> None:
    if not ward.is_small:
        pytest.skip("this machine lets no small disk be mounted")
    with no_room(ward.disk):
        expect_refusal(write_until_refused(site), "its disk is full")
        expect_refusal(site.write(), "its disk is full")
        with ThreadPoolExecutor(16) as pool:  # more than the connections that are kept: some are made now
            reads = [pool.submit(site.read) for _ in range(32)]
            assert {read.result().status_code for read in reads} == {200}
        site.expect_healthy()
        site.expect_database("full")
    site.expect_recovery()


@contextmanager
def no_larger_files(site: SickSite, size: int) -> Iterator[None]:
    """No process of the site writes beyond so many bytes of any file: the system answers with an error."""
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in workers_of(site.site)}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def test_a_file_that_cannot_be_written_is_said_to_fail(ward: Ward, site: SickSite) -> None:
    journal = ward.file.with_name(f"{ward.file.name}-wal")
    with no_larger_files(site, journal.stat().st_size):
        expect_refusal(write_until_refused(site), "its disk or its files fail")
        assert site.read().status_code == 200
        site.expect_healthy()
        site.expect_database("failing")
    site.expect_recovery()


@contextmanager
def read_only(folder: Path) -> Iterator[bool]:
    """Whoever opens a file of this folder from now on cannot write to it; yields whether that can be done."""
    bound = _run("mount", "--bind", str(folder), str(folder))
    try:
        yield bound and _run("mount", "-o", "remount,bind,ro", str(folder))
    finally:
        if bound:
            _run("umount", str(folder))


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_file_that_can_only_be_read_is_told(ward: Ward, site: SickSite) -> None:
    with read_only(ward.disk) as is_bound:
        if not is_bound:
            pytest.skip("this machine lets nothing be mounted")
        site.expect_database("read-only")
        assert site.read().status_code == 200
        site.expect_healthy()
    site.expect_recovery()


def test_a_lock_of_another_process_is_waited_for_and_not_for_ever(ward: Ward, site: SickSite) -> None:
    with closing(sqlite3.connect(ward.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(WRITERS) as pool:
            writes = [pool.submit(site.write) for _ in range(WRITERS)]
            assert site.read().status_code == 200
            site.expect_healthy()
            for write in writes:
                expect_refusal(write.result(), "please try again")
            assert any("database is busy" in write.result().text for write in writes)
        other.execute("ROLLBACK")
    site.expect_recovery()


def test_nothing_is_written_into_a_file_that_was_removed(ward: Ward, site: SickSite) -> None:
    aside = ward.disk / "aside.sqlite3"
    ward.file.rename(aside)
    expect_refusal(site.write(), "cannot be reached")
    expect_refusal(site.read(), "cannot be reached")
    site.expect_database("away")
    assert not ward.file.exists()
    aside.rename(ward.file)
    site.expect_recovery()


# The last one: only a restart takes another file.
def test_nothing_is_written_into_a_file_in_the_place_of_the_own_one(ward: Ward, site: SickSite) -> None:
    copy = ward.disk / "copy.sqlite3"
    shutil.copy(ward.file, copy)
    before = copy.read_bytes()
    copy.replace(ward.file)
    expect_refusal(site.write(), "its file was replaced")
    expect_refusal(site.read(), "its file was replaced")
    site.expect_database("replaced")
    assert ward.file.read_bytes() == before
    site.site.stop()
    site.start()
    site.expect_recovery()
