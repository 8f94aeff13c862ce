"""Site A as two server processes on one database, and site B behind a proxy that records what reaches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from dcapi.lab.members import Member
from dcapi.lab.operator import Json, Operator, RefusedError
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import GROUPS, SharedGroup, associate
from dcapi.lab.site import LabSite

THREADS = 4
# Few threads, as a busy site has them; a sweep soon, for what a dropped hint leaves undone; and a log that
# tells of every job.
SETTINGS = {
    "WORKERS": "1",
    "THREADS": str(THREADS),
    "RECONCILE_SECONDS": "0.5",
    "LOG_LEVEL": "DEBUG",
}

# Failed heartbeats after which a peer is away: the most that a site takes, half a minute of them.
MOST_FAILURES = 30

# Seconds after which something hangs, however busy the machine is.
PATIENCE = 90.0

Result = TypeVar("Result")


class Counters(NamedTuple):
    """What an association counts, changes and requests to sync, and how its sync stands."""

    revision: int
    sync_asked: int
    sync_status: str


class Twins:
    """Two processes of A, an operator at each, and B. ``pair`` holds the first process and B."""

    def __init__(self, pair: Pair, second: LabSite, database: Engine) -> None:
        self.pair = pair
        self.second = second
        self.operators = (pair.at_a, Operator(second.url, pair.a.admin_password))
        self._database = database
        self._made = 0

    @property
    def servers(self) -> tuple[LabSite, LabSite]:
        return self.pair.a, self.second

    def new_name(self, kind: str) -> str:
        self._made += 1
        return f"{kind}-{self._made}"

    def new_group(self, members: int = 0) -> tuple[SharedGroup, list[Member]]:
        """A group of A with so many new members, in sync with B."""
        name = self.new_name("group")
        group = self.pair.at_a.create(GROUPS, {"peer-group-name": name})
        new = [self.pair.new_member(name, install=True) for _ in range(members)]
        for member in new:  # one by one: a site with few threads lets few wait for a deployment
            self.pair.join(group["id"], member)
        shared = associate(self.pair, group)
        shared.expect_status("in-sync")
        return shared, new

    def new_managed(self) -> str:
        """A subcloud that may join a group, and has what it takes; returns its name."""
        new = self.pair.new_member("managed")
        self.pair.deploy(new)
        self.pair.at_a.update_subcloud(new.name, new.joining("none"))
        return new.name

    def counters(self, association_id: int) -> Counters:
        query = text("SELECT revision, sync_asked, sync_status FROM peer_group_association WHERE id = :id")
        with self._database.connect() as connection:
            return Counters(*connection.execute(query, {"id": association_id}).one())

    def wait_attended(self, server: LabSite, association_id: int, times: int) -> None:
        """Wait until a server has ended so many jobs, since its start, that look after an association."""
        wait_until(
            f"{times} jobs for association {association_id} to end at {server.folder}",
            lambda: self.attended(server, association_id),
            lambda count: count >= times,
            within=PATIENCE,
        )

    def attended(self, server: LabSite, association_id: int) -> int:
        """How many such jobs ended so far."""
        return server.log_file.read_text().count(f"job done: attend key=association:{association_id} ")


def introduce(pair: Pair) -> None:
    """Make the peers known. B is never declared away: the look at one that is back is taken for a run."""
    pair.introduce()
    pair.at_a.update("system-peers", pair.b.name, {"heartbeat_failure_threshold": MOST_FAILURES})


@contextmanager
def running_twins(folder: Path, database_uri: str) -> Iterator[Twins]:
    """Start them on this database; an empty URI stands for a SQLite file in the instance folder."""
    pair = Pair(folder, settings=SETTINGS)
    pair.a.settings["SQLALCHEMY_DATABASE_URI"] = database_uri
    second = LabSite("site-a", folder / "second", settings=_shared_settings(pair.a))
    uri = database_uri or f"sqlite:///{pair.a.settings['INSTANCE_PATH']}/dcapi.sqlite3"
    database = create_engine(uri, poolclass=NullPool)
    try:
        second.launch()
        with pair:
            second.wait_ready()
            twins = Twins(pair, second, database)
            for operator in twins.operators:
                operator.log_in()
            introduce(pair)
            yield twins
            second.stop()
    finally:
        second.close()
        database.dispose()


def _shared_settings(first: LabSite) -> dict[str, str]:
    """What makes another process the same site: all but where it listens."""
    return {name: value for name, value in first.settings.items() if name != "BIND"}


def at_once(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """Make all calls at one moment, each on a thread of its own; returns what they returned, in order."""
    together = Barrier(len(calls))

    def make(call: Callable[[], Result]) -> Result:
        together.wait(PATIENCE)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(make, calls))


def outcome(call: Callable[[], Any]) -> tuple[int, Any]:
    """The code that a call was answered, and its answer or the text of its error."""
    try:
        return 200, call()
    except RefusedError as refused:
        return refused.code, refused.text


def informed(answers: Sequence[tuple[int, Json]]) -> int:
    """How many of the answers say that an association needs a sync."""
    return sum("info_message" in answer for _, answer in answers)
