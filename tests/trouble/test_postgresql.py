"""A PostgreSQL that refuses, hangs, vanishes, is full or fails over: 503 soon, and no restart."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dcapi.lab.polling import wait_until
from dcapi.lab.ports import HOST
from tests.trouble import postgres_server
from tests.trouble.postgres_server import ADMINISTRATOR, DATABASE, MAX_CONNECTIONS, ROLE, PostgresServer
from tests.trouble.sick_site import SickSite, expect_refusal
from tests.trouble.wire import Wire

if TYPE_CHECKING:
    import psycopg

pytestmark = pytest.mark.skipif(postgres_server.binaries() is None, reason=postgres_server.NOT_HERE)

AWAY = "cannot be reached"
BUSY = "is busy"
SWEEP_FAILED = "the sweep failed"
# Requests at once, some of which find a kept connection and some of which make one.
AT_ONCE = 6
DISK_MEGABYTES = 32
# PostgreSQL's own default.
KEPT_FOR_SUPERUSERS = 3
# Requests that fill what is left in the pages of a table.
UNTIL_FULL = 300


class Ward:
    """A server, a wire to it, and a site at its other end."""

    def __init__(self, folder: Path, servers: Path, disk: Path | None) -> None:
        self.server = PostgresServer(servers / "first")
        self.standby = PostgresServer(servers / "second")
        self.disk = disk
        self.wire = Wire(self.server.port)
        uri = f"postgresql://{ROLE}@{HOST}:{self.wire.port.number}/{DATABASE}"
        self.site = SickSite(folder, uri, RECONCILE_SECONDS="1", DEPLOY_PHASE_SECONDS="1")

    def start(self) -> None:
        self.server.make()
        place = " TABLESPACE small" if self.disk else ""
        if self.disk:
            self.server.administer(f"CREATE TABLESPACE small LOCATION '{self.disk}'")
        self.server.administer(f"CREATE DATABASE {DATABASE} OWNER {ROLE}{place}")
        self.site.start()

    def close(self) -> None:
        self.site.site.close()
        self.wire.close()
        self.standby.close()
        self.server.close()


@pytest.fixture(scope="module")
def shared_ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with ExitStack() as stack:
        folder = stack.enter_context(postgres_server.own_folder())
        disk = folder / "disk"
        mounted = stack.enter_context(postgres_server.small_disk(disk, DISK_MEGABYTES, ADMINISTRATOR))
        ward = Ward(tmp_path_factory.mktemp("site"), folder, disk if mounted else None)
        stack.callback(ward.close)
        ward.start()
        yield ward


@pytest.fixture
def ward(shared_ward: Ward) -> Iterator[Ward]:
    """The same for all; each test finds it well, and the site lives as long as the module."""
    shared_ward.site.expect_recovery()
    pid = shared_ward.site.site.pid
    yield shared_ward
    shared_ward.wire.heal()
    shared_ward.site.expect_recovery()
    assert "Booting worker" not in _after_first_boot(shared_ward)
    assert (shared_ward.site.site.pid, shared_ward.site.site.running) == (pid, True)


def _after_first_boot(ward: Ward) -> str:
    return ward.site.site.log_file.read_text().partition("Booting worker")[2]


@pytest.fixture
def site(ward: Ward) -> SickSite:
    return ward.site


@contextmanager
def locked_table(server: PostgresServer, table: str = "subcloud") -> Iterator[None]:
    with server.connected() as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield
        connection.rollback()


def many(site: SickSite) -> list[int]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        calls = [pool.submit(site.read if number % 2 else site.write) for number in range(AT_ONCE)]
        return [call.result().status_code for call in calls]


def test_a_server_that_refuses_is_said_to_be_away(ward: Ward, site: SickSite) -> None:
    ward.wire.refuse()
    expect_refusal(site.read(), AWAY)
    expect_refusal(site.write(), AWAY)
    site.expect_database("away")


def test_a_server_that_crashes_is_found_again(ward: Ward, site: SickSite) -> None:
    ward.server.stop()
    expect_refusal(site.write(), AWAY)
    site.expect_healthy()
    ward.server.start()


def test_work_under_way_goes_on_after_an_outage(ward: Ward, site: SickSite) -> None:
    name = site.add_subcloud(1)
    wait_until("the deployment to begin", partial(site.deploy_status, name), "bootstrapping".__eq__)
    ward.wire.refuse()
    log = site.site.log_file
    lines = log.read_text().count(SWEEP_FAILED)
    wait_until("two sweeps to fail", lambda: log.read_text().count(SWEEP_FAILED) >= lines + 2)
    site.expect_healthy()
    ward.wire.accept()
    wait_until("the deployment to end", partial(site.deploy_status, name), "complete".__eq__)


def test_connections_that_were_reset_are_made_anew(ward: Ward, site: SickSite) -> None:
    many(site)
    ward.wire.reset()
    assert set(many(site)) <= {200, 503}
    assert site.read().status_code == 200


def test_a_locked_table_is_waited_for_and_not_for_ever(ward: Ward, site: SickSite) -> None:
    with locked_table(ward.server):
        expect_refusal(site.read(), BUSY)
        site.expect_healthy()


def test_a_lock_that_stays_is_told_by_readyz(ward: Ward, site: SickSite) -> None:
    with locked_table(ward.server, "site"):
        site.expect_database("locked")


def test_packets_that_vanish_free_every_thread_in_time(ward: Ward, site: SickSite) -> None:
    many(site)
    ward.wire.swallow()
    assert set(many(site)) == {503}
    expect_refusal(site.read(), AWAY)
    site.expect_database("away")


def test_a_statement_whose_answer_vanishes_is_given_up(ward: Ward, site: SickSite) -> None:
    with ThreadPoolExecutor(1) as pool, locked_table(ward.server):
        asked = pool.submit(site.read)
        wait_until("the request to wait for the lock", lambda: waiting(ward.server))
        ward.wire.swallow()
        expect_refusal(asked.result(), AWAY)
        site.expect_healthy()


def waiting(server: PostgresServer) -> bool:
    query = b"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with server.connected(ADMINISTRATOR) as connection:
        found = connection.execute(query).fetchone()
    return found is not None and found[0] > 0


def test_a_server_with_too_many_clients_is_said_to_be_away(ward: Ward, site: SickSite) -> None:
    taken: list[psycopg.Connection[Any]] = []
    ward.wire.refuse()
    wait_until("the site's sessions to end", lambda: fully_taken(ward.server, taken))
    ward.wire.accept()
    expect_refusal(site.read(), AWAY)
    site.expect_database("away")
    for connection in taken:
        connection.close()


def fully_taken(server: PostgresServer, taken: list[psycopg.Connection[Any]]) -> bool:
    """Take connections until there are none left; whether all that a role may have were taken."""
    from psycopg import OperationalError

    with suppress(OperationalError):
        while True:
            taken.append(server.connected())
    return len(taken) >= MAX_CONNECTIONS - KEPT_FOR_SUPERUSERS


def test_a_full_disk_is_named_and_reads_go_on(ward: Ward, site: SickSite) -> None:
    if ward.disk is None:
        pytest.skip("this machine lets no small disk be mounted")
    filler = filled(ward.disk)
    try:
        for _ in range(UNTIL_FULL):
            answer = site.write()
            if answer.status_code != 200:
                break
        expect_refusal(answer, "its disk is full")
        assert site.read().status_code == 200
        site.expect_database("full")
    finally:
        filler.unlink()


def filled(disk: Path) -> Path:
    """A file that takes all that is left of a disk."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(65536)):
            pass
    return filler


# Last, as the site is with another server afterwards.
def test_after_a_failover_the_read_only_server_is_left(ward: Ward, site: SickSite) -> None:
    ward.standby.copy_from(ward.server, ward.disk)
    many(site)
    ward.server.administer("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    site.expect_database("read-only")
    ward.standby.promote()
    ward.wire.move(ward.standby.port)
    wait_until("a write to be refused", site.write, lambda answer: answer.status_code == 503, within=5)
    assert site.write().status_code == 200
    assert set(many(site)) == {200}
