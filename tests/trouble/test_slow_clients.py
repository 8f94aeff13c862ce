"""Clients that are slow, silent or wrong, with no proxy before the site, over http and https.

The seconds are time-outs of a client that asks meanwhile, from the same address.
"""

from __future__ import annotations

import resource
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from dcapi.lab.operator import Operator
from dcapi.lab.polling import wait_until
from dcapi.lab.site import LabSite
from tests.certificates import self_signed
from tests.trouble.crowd import HALF_BODY, HALF_HEAD, KINDS, TLS_ALONE, UNREAD, Crowd, connect
from tests.trouble.holding_app import HELD, LARGE_SIZE

EACH = 200
USUAL_FILES = 1024
HEALTH_SECONDS = 1
GET_SECONDS = 2
# How often the other client asks.
ROUNDS = 4
THREADS = 16
APP = "tests.trouble.holding_app:app"
HASTY = {
    "HEAD_SECONDS": "1",
    "BODY_SECONDS": "1",
    "ANSWER_SECONDS": "1",
    "IDLE_SECONDS": "1",
    "MAX_CONTENT_LENGTH": "65536",
}
Answer = Future[requests.Response]
CASES = [
    pytest.param(secure, kind, id=f"{'https' if secure else 'http'}-{kind}")
    for secure in (False, True)
    for kind in KINDS
    if secure or kind not in TLS_ALONE
]


@contextmanager
def allowed_files(number: int) -> Iterator[None]:
    """What is started inside of it may open so many files."""
    own, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (own, most))


@contextmanager
def serving(folder: Path, settings: Mapping[str, str], files: int = USUAL_FILES) -> Iterator[LabSite]:
    site = LabSite("site-a", folder / "a", app=APP, settings={"TEST_HOLD": str(folder / "hold"), **settings})
    try:
        with allowed_files(files):
            site.launch()
        with asking(site) as client:
            wait_until("the site to answer", lambda: is_there(client, url_of(site)), within=60)
        yield site
    finally:
        site.close()


def is_there(client: requests.Session, url: str) -> bool:
    try:
        return client.get(f"{url}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False


def url_of(site: LabSite) -> str:
    return site.url.replace("http:", "https:") if "TLS_CERTIFICATE_FILE" in site.settings else site.url


@contextmanager
def asking(site: LabSite) -> Iterator[requests.Session]:
    with requests.Session() as client:
        client.trust_env = False
        client.verify = site.settings.get("TLS_CERTIFICATE_FILE", True)
        yield client


def token_of(site: LabSite) -> str:
    with Operator(url_of(site), site.admin_password) as operator:
        operator._session.verify = site.settings.get("TLS_CERTIFICATE_FILE", True)
        return operator.log_in()


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, tuple[LabSite, str]]]:
    """Whether it serves https → a site with the default settings, and a token."""
    folder = tmp_path_factory.mktemp("sites")
    tls = {"TLS_CERTIFICATE_FILE": str(self_signed(folder)), "PUBLIC_URL": ""}
    with serving(folder / "plain", {}) as plain, serving(folder / "secure", tls) as secure:
        yield {False: (plain, token_of(plain)), True: (secure, token_of(secure))}


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabSite]:
    with serving(tmp_path_factory.mktemp("hasty"), HASTY) as site:
        yield site


def expect_answers(site: LabSite, token: str) -> None:
    """Each time over a new connection."""
    for _ in range(ROUNDS):
        with asking(site) as client:
            started = time.monotonic()
            assert client.get(f"{url_of(site)}/healthz", timeout=HEALTH_SECONDS).ok
            assert time.monotonic() - started < HEALTH_SECONDS
        with asking(site) as client:
            started = time.monotonic()
            listed = client.get(
                f"{url_of(site)}/v1.0/subclouds", headers={"X-Auth-Token": token}, timeout=GET_SECONDS
            )
            assert listed.ok
            assert time.monotonic() - started < GET_SECONDS


@pytest.mark.parametrize(("secure", "kind"), CASES)
def test_two_hundred_slow_clients_of_a_kind_hold_up_nobody(
    sites: dict[bool, tuple[LabSite, str]], secure: bool, kind: str
) -> None:
    site, token = sites[secure]
    with Crowd(site.port.number, secure=secure) as crowd:
        crowd.come(kind, EACH)
        expect_answers(site, token)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_mix_of_slow_clients_holds_up_nobody(sites: dict[bool, tuple[LabSite, str]], secure: bool) -> None:
    site, token = sites[secure]
    with Crowd(site.port.number, secure=secure) as crowd:
        for kind in KINDS:
            if secure or kind not in TLS_ALONE:
                crowd.come(kind, EACH // 5)
        expect_answers(site, token)


@pytest.mark.parametrize("files", [160, USUAL_FILES])
def test_more_idle_clients_than_files_end_no_worker(tmp_path: Path, files: int) -> None:
    with serving(tmp_path, {}, files) as site, allowed_files(4096):
        token, worker = token_of(site), worker_of(site)
        with Crowd(site.port.number, secure=False) as crowd:
            crowd.come("nothing", files + 50)
            expect_answers(site, token)
            # The one that has waited longest was closed.
            assert crowd._sockets[0].recv(1) == b""
        assert worker_of(site) == worker


def worker_of(site: LabSite) -> str:
    return Path(f"/proc/{site.pid}/task/{site.pid}/children").read_text()


def exchange(site: LabSite, *parts: bytes) -> bytes:
    """All that the site says to what is sent, one part after the other, until it hangs up."""
    with connect(site.port.number) as sock:
        for part in parts:
            sock.sendall(part)
        return rest_of(sock)


def rest_of(sock: socket.socket) -> bytes:
    said = b""
    while data := sock.recv(65536):
        said += data
    return said


@pytest.mark.parametrize("sent", [HALF_HEAD, HALF_BODY], ids=["head", "body"])
def test_what_takes_too_long_is_answered_408(hasty: LabSite, sent: bytes) -> None:
    said = exchange(hasty, sent)
    assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"took too long" in said
    assert "status=408" in hasty.log_file.read_text()


def test_a_head_that_drips_is_answered_408(hasty: LabSite) -> None:
    with Crowd(hasty.port.number, secure=False) as crowd:
        crowd.come("a byte a second", 1)
        assert rest_of(crowd._sockets[0]).startswith(b"HTTP/1.1 408 ")


def test_a_connection_on_which_nothing_comes_is_closed(hasty: LabSite) -> None:
    assert exchange(hasty) == b""


def test_a_connection_that_is_idle_after_an_answer_is_closed(hasty: LabSite) -> None:
    said = exchange(hasty, b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.count(b"HTTP/1.1 ") == 1


def test_an_answer_that_nobody_reads_is_given_up(hasty: LabSite) -> None:
    with connect(hasty.port.number, narrow=True) as sock:
        sock.sendall(UNREAD)
        worker = worker_of(hasty).strip()

        def connections() -> int:
            links = Path(f"/proc/{worker}/net/tcp").read_text().splitlines()
            mine = f":{sock.getsockname()[1]:04X}"
            # Of this connection, as the site has it: established.
            return sum(line.split()[2].endswith(mine) and line.split()[3] == "01" for line in links)

        assert connections() == 1
        wait_until("the site to give up", connections, lambda number: number == 0, within=10)
        with suppress(ConnectionResetError):
            assert len(rest_of(sock)) < LARGE_SIZE


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"GET / HTTP/1.9\r\nHost: here\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /\n\n", 400),
        (b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 65537\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 65537\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n" + b"x" * 65537, 413),
        (b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nten\r\n", 400),
    ],
    ids=["version", "host", "line feeds", "coding", "length", "not continued", "chunks", "bad chunk"],
)
def test_what_is_refused_from_its_head_is_answered_at_once(hasty: LabSite, head: bytes, code: int) -> None:
    started = time.monotonic()
    said = exchange(hasty, head)
    assert said.startswith(b"HTTP/1.1 %d " % code)
    assert time.monotonic() - started < float(HASTY["HEAD_SECONDS"])


def test_a_client_that_waits_for_its_body_to_be_wanted_is_told(hasty: LabSite) -> None:
    head = b"PATCH /v1.0/subclouds/1 HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: 2\r\n"
    with connect(hasty.port.number) as sock:
        sock.sendall(head + b"Expect: 100-continue\r\n\r\n")
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"{}")
        assert rest_of(sock).startswith(b"HTTP/1.1 401 ")


def test_requests_in_one_piece_are_answered_in_their_order(hasty: LabSite) -> None:
    first = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    with connect(hasty.port.number) as sock:
        sock.sendall(first + last)
        sock.shutdown(socket.SHUT_WR)
        said = rest_of(sock)
    assert [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"405", b"200"]


def asked(site: LabSite, number: int, call: Callable[[requests.Session], requests.Response]) -> list[Answer]:
    """Ask so often at once, each over a connection of its own."""
    pool = ThreadPoolExecutor(number)

    def ask() -> requests.Response:
        with asking(site) as client:
            return call(client)

    return [pool.submit(ask) for _ in range(number)]


def test_health_is_told_while_every_thread_is_busy(tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    with serving(tmp_path, {}) as site, asking(site) as client:
        hold.touch()
        held = asked(site, THREADS, lambda each: each.get(f"{site.url}{HELD}", timeout=30))
        wait_until("all threads to be busy", lambda: not answers_soon(client, f"{site.url}/"), within=20)
        for _ in range(ROUNDS):
            assert client.get(f"{site.url}/healthz", timeout=HEALTH_SECONDS).ok
        hold.unlink()
        assert {each.result().status_code for each in held} == {200}


def answers_soon(client: requests.Session, url: str) -> bool:
    try:
        return client.get(url, timeout=0.5).ok
    except requests.Timeout:
        return False


def test_writers_beyond_half_of_the_threads_wait_outside_of_them(tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    site_agent = {"User-Agent": "dcmanager/1.0"}
    with serving(tmp_path, {}) as site, asking(site) as client:
        hold.touch()
        writers = asked(site, THREADS + 4, lambda each: each.post(f"{site.url}{HELD}", timeout=40))
        [decisive] = asked(
            site,
            1,
            lambda each: each.patch(f"{site.url}/v1.0/subclouds/1", headers=site_agent, timeout=40),
        )
        started = time.monotonic()
        wait_until("writers to be refused", lambda: refused(writers), lambda n: n == THREADS // 2 + 4)
        assert 4 < time.monotonic() - started < 10
        assert client.get(f"{site.url}/", timeout=GET_SECONDS).ok
        assert not decisive.done()
        hold.unlink()
        assert decisive.result().status_code == 401  # it had its turn, and no token
        codes = Counter(each.result().status_code for each in writers)
        assert codes == {200: THREADS // 2, 503: THREADS // 2 + 4}
        late = next(each.result() for each in writers if each.result().status_code == 503)
        assert late.headers["Retry-After"] == "1"


def refused(writers: list[Answer]) -> int:
    return sum(each.done() and each.result().status_code == 503 for each in writers)


def test_connections_of_one_address_can_be_bounded(tmp_path: Path) -> None:
    settings = {"CONNECTIONS_PER_ADDRESS": "5", "TRUSTED_PROXIES": "127.0.0.9"}
    with serving(tmp_path, settings) as site, Crowd(site.port.number, secure=False) as crowd:
        crowd.come("half a head", 5)

        def refusal() -> bytes:
            # Who looked whether the site is up may have had one of the five places until now.
            crowd.come("half a head", 1)
            return said_to_nobody(site)

        said = wait_until(
            "one too many to be refused", refusal, lambda text: text.startswith(b"HTTP/1.1 429 ")
        )
        assert b"\r\nRetry-After: 1\r\n" in said


def said_to_nobody(site: LabSite) -> bytes:
    """What the site says to a client that sends nothing; empty when it waits for a request."""
    with connect(site.port.number) as sock:
        sock.settimeout(1)
        try:
            return rest_of(sock)
        except TimeoutError:
            return b""


def test_a_head_under_way_is_served_by_a_worker_that_stops(tmp_path: Path) -> None:
    with serving(tmp_path, {}) as site, connect(site.port.number) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: he")
        site.ask_to_stop()
        wait_until("the site to accept nobody", lambda: is_refused(site))
        sock.sendall(b"re\r\n\r\n")
        said = rest_of(sock)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" in said


def is_refused(site: LabSite) -> bool:
    try:
        with connect(site.port.number) as sock:
            sock.settimeout(0.2)
            sock.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            return not sock.recv(1)
    except OSError:
        return True
