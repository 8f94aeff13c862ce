"""PostgreSQL that goes and comes back while a site works: no work is lost, and no answer is malformed."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dcapi.lab.operator import Json, password_authentication
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.ports import HOST
from dcapi.lab.shared_group import GROUPS as PEER_GROUPS
from dcapi.lab.shared_group import associate
from tests.trouble import postgres_server
from tests.trouble.postgres_server import DATABASE, ROLE, PostgresServer
from tests.trouble.sick_site import GROUPS, RECOVERY_SECONDS, SECONDS
from tests.trouble.wire import Wire

pytestmark = pytest.mark.skipif(postgres_server.binaries() is None, reason=postgres_server.NOT_HERE)

LOGIN = "/v3/auth/tokens"
CLIENTS = 6
# Cuts of all connections, each when so many answers came since the one before.
CUTS = 12
ANSWERS_BETWEEN = 10
# What the threads of A that work on their own say when they have met the outage.
SWEEP_FAILED = "the sweep failed"
LOOK_FAILED = "the watches could not be read"
# What the log says of a thread that ends by an error, and of a request whose error is no word of ours.
TRACES = ("CRITICAL", "Error handling request", "failed unexpectedly")


@dataclass
class Ward:
    """Two sites that know each other; the database of A is at the other end of a wire."""

    server: PostgresServer
    wire: Wire
    pair: Pair
    token: str
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def worker(self) -> str:
        """The processes of A, by id: they change when one of them is started anew."""
        pid = self.pair.a.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text()

    def expect_recovery(self) -> None:
        wait_until("A to write again", lambda: ask(self, "POST", GROUPS, new_group(self)).code, is_ok)


@pytest.fixture(scope="module")
def shared_ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with postgres_server.own_folder() as folder:
        server = PostgresServer(folder / "server")
        wire = Wire(server.port)
        try:
            server.make()
            server.administer(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
            # A peer that is away shows within seconds, and so does one that was declared away wrongly.
            pair = Pair(tmp_path_factory.mktemp("pair"), settings={"RECONCILE_SECONDS": "1"})
            pair.a.settings["SQLALCHEMY_DATABASE_URI"] = (
                f"postgresql://{ROLE}@{HOST}:{wire.port.number}/{DATABASE}"
            )
            with pair:
                pair.introduce()
                # Only a peer that shares a group is watched.
                watched = associate(pair, pair.at_a.create(PEER_GROUPS, {"peer-group-name": "watched"}))
                watched.expect_status("in-sync")
                yield Ward(server, wire, pair, pair.at_a.log_in())
                wire.heal()
        finally:
            wire.close()
            server.close()


@pytest.fixture
def ward(shared_ward: Ward) -> Iterator[Ward]:
    """The same for all; each test leaves its processes as they were, and none of their threads ended."""
    shared_ward.expect_recovery()
    before = shared_ward.worker()
    yield shared_ward
    shared_ward.wire.heal()
    shared_ward.expect_recovery()
    assert shared_ward.worker() == before
    assert traces(shared_ward) == []


def traces(ward: Ward) -> list[str]:
    told = ward.pair.a.log_file.read_text(errors="replace")
    return [trace for trace in TRACES if trace in told]


@dataclass(frozen=True)
class Answer:
    """What came back, with its headers as they came."""

    code: int
    headers: http.client.HTTPMessage
    body: str


def ask(ward: Ward, method: str, path: str, body: Json | None = None) -> Answer:
    """One request on a connection of its own; ``http.client`` shows a header that came twice twice."""
    connection = http.client.HTTPConnection(HOST, ward.pair.a.port.number, timeout=SECONDS)
    headers = {"Accept": "application/json", "X-Auth-Token": ward.token}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode())
    finally:
        connection.close()


def is_ok(code: int) -> bool:
    assert code in {200, 503}
    return code == 200


def new_group(ward: Ward) -> Json:
    name = f"quay-{next(ward.numbers)}"
    return {"name": name, "description": "d" * 200, "update_apply_type": "parallel"}


def groups(ward: Ward) -> set[str]:
    return {each["name"] for each in ward.pair.at_a.listed("subcloud-groups")}


# -- Answers --


def expect_well_formed(answer: Answer) -> None:
    """One length, which is the body's; 200, or 503 that says when to try again."""
    assert answer.headers.get_all("Content-Length") == [str(len(answer.body.encode()))]
    assert answer.code in {200, 503}, answer.body
    assert (answer.headers["Retry-After"] is not None) == (answer.code == 503)
    json.loads(answer.body)


class Clients:
    """Clients that read and write until they are told to stop; what they were answered."""

    def __init__(self, ward: Ward) -> None:
        self.ward = ward
        self.over = threading.Event()
        self.answers: list[Answer] = []
        self.acknowledged: list[str] = []
        self.refused: list[str] = []

    def wait_for_more(self, answers: int) -> None:
        wanted = len(self.answers) + answers
        wait_until("more answers", lambda: len(self.answers), lambda seen: seen >= wanted)

    def go_on(self) -> None:
        while not self.over.is_set():
            form = new_group(self.ward)
            answer = ask(self.ward, "POST", GROUPS, form)
            (self.acknowledged if answer.code == 200 else self.refused).append(form["name"])
            self.answers += [answer, ask(self.ward, "GET", GROUPS)]


def test_each_answer_is_whole_while_connections_are_cut(ward: Ward) -> None:
    clients = Clients(ward)
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(clients.go_on) for _ in range(CLIENTS)]
        try:
            for _ in range(CUTS):
                clients.wait_for_more(ANSWERS_BETWEEN)
                ward.wire.reset()
        finally:
            clients.over.set()
        for each in running:
            each.result()
    for answer in clients.answers:
        expect_well_formed(answer)
    assert set(clients.acknowledged) <= groups(ward)


def test_no_resource_answers_an_outage_by_anything_but_503(ward: Ward) -> None:
    group = new_group(ward)
    calls = (
        ("GET", f"/v1.0/{PEER_GROUPS}", None),
        ("POST", f"/v1.0/{PEER_GROUPS}", {"peer-group-name": group["name"]}),
        ("POST", GROUPS, group),
        ("PATCH", f"{GROUPS}/quay-0", {"description": "changed"}),
        ("DELETE", f"{GROUPS}/quay-0", None),
    )
    ward.wire.refuse()
    for method, path, body in calls:
        answer = ask(ward, method, path, body)
        expect_well_formed(answer)
        assert (method, path, answer.code) == (method, path, 503)
    ward.wire.accept()
    assert ask(ward, *calls[0]).code == 200
    assert group["name"] not in groups(ward)


def test_a_login_waits_but_once_for_a_lock_on_the_failed_ones(ward: Ward) -> None:
    forms = [password_authentication("admin", word) for word in (ward.pair.a.admin_password, "wrong")]
    with ward.server.connected() as connection, ThreadPoolExecutor(len(forms)) as pool:
        connection.execute("LOCK TABLE failed_login IN ACCESS EXCLUSIVE MODE")
        answers = list(pool.map(lambda form: ask(ward, "POST", LOGIN, form), forms))
        connection.rollback()
    assert [answer.code for answer in answers] == [201, 401]


# -- Work --


def wait_until_told(ward: Ward, line: str, times: int) -> None:
    """Wait until a line is in the log of A so many times more than now."""

    def told() -> int:
        return ward.pair.a.log_file.read_text(errors="replace").count(line)

    before = told()
    wait_until(f"A to say: {line}", told, lambda seen: seen >= before + times, within=RECOVERY_SECONDS)


def test_a_sync_and_heartbeats_go_on_when_the_database_is_back(ward: Ward) -> None:
    ward.pair.wait_for_peer("available")
    group = ward.pair.at_a.create(PEER_GROUPS, {"peer-group-name": "berths"})
    shared = associate(ward.pair, group, wait=None)
    ward.wire.refuse()
    wait_until_told(ward, SWEEP_FAILED, 2)
    wait_until_told(ward, LOOK_FAILED, 2)
    ward.wire.accept()
    ward.expect_recovery()
    shared.expect_status("in-sync", within=RECOVERY_SECONDS)
    # What happened here says nothing of the peer.
    assert peer_state(ward) == "available"
    assert ward.pair.at_a.call("GET", "/v1.0/system-alarms")["system_alarms"] == []
    # Whoever watches still does: a peer that is away is missed.
    ward.pair.proxy.refuse()
    wait_until("B to be missed", lambda: peer_state(ward), lambda seen: seen == "unavailable")
    ward.pair.proxy.start()
    ward.pair.wait_for_peer("available")


def peer_state(ward: Ward) -> str:
    return str(ward.pair.peer_at_a()["availability-state"])


# The last one: it ends the site.
def test_a_site_ends_in_good_order_while_its_database_is_away(shared_ward: Ward) -> None:
    shared_ward.pair.wait_for_peer("available")
    shared_ward.wire.refuse()
    assert shared_ward.pair.a.stop() == 0
    assert traces(shared_ward) == []
