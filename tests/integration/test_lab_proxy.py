"""The lab's proxy, tried by itself: what it passes, what it records, every way to fail a request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from dcapi.lab.faults import Answer, Close, Delay, Fault, Hang, Reset, Stall
from dcapi.lab.polling import wait_until
from dcapi.lab.ports import Port
from dcapi.lab.proxy import Proxy


class EchoSite(BaseHTTPRequestHandler):
    """Answers with what it was sent; ``/chunked`` in chunks, ``/empty`` with nothing."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(self.path.encode())

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def do_DELETE(self) -> None:
        self.send_response(204)
        self.end_headers()

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()

    def _answer(self, body: bytes) -> None:
        assert isinstance(self.server, Site)
        self.server.served.append((self.command, self.path))
        self.server.clients.add(self.client_address)
        self.send_response(201 if self.command == "POST" else 200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (body[:3], body[3:]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


class Site(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), EchoSite)
        self.served: list[tuple[str, str]] = []
        self.clients: set[object] = set()


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def proxy(site: Site) -> Iterator[Proxy]:
    made = Proxy(("127.0.0.1", site.server_port)).start()
    yield made
    made.stop()


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def aside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_requests_pass_unchanged_and_are_recorded(proxy: Proxy, client: requests.Session) -> None:
    with proxy.recording() as passed:
        answers = [
            client.get(f"{proxy.url}/v1.0/subclouds?x=1", headers={"User-Agent": "dcmanager/1.0"}),
            client.post(f"{proxy.url}/things", data=b"\x00\xff" * 100_000),
            client.get(f"{proxy.url}/chunked"),
            client.head(f"{proxy.url}/head"),
            client.delete(f"{proxy.url}/gone"),
        ]
    assert [answer.status_code for answer in answers] == [200, 201, 200, 200, 204]
    assert answers[0].text == "/v1.0/subclouds?x=1"
    assert answers[1].content == b"\x00\xff" * 100_000
    assert answers[2].text == "/chunked"
    assert [(each.method, each.path, each.code) for each in passed] == [
        ("GET", "/v1.0/subclouds?x=1", 200),
        ("POST", "/things", 201),
        ("GET", "/chunked", 200),
        ("HEAD", "/head", 200),
        ("DELETE", "/gone", 204),
    ]
    assert passed[0].user_agent == "dcmanager/1.0"
    assert passed[1].body == b"\x00\xff" * 100_000


def test_only_what_passes_within_the_block_is_in_its_record(proxy: Proxy, client: requests.Session) -> None:
    client.get(f"{proxy.url}/before")
    with proxy.recording() as passed:
        client.get(f"{proxy.url}/within")
    client.get(f"{proxy.url}/after")
    assert [each.path for each in passed] == ["/within"]


def test_connections_are_kept_alive_on_both_sides(proxy: Proxy, site: Site, client: requests.Session) -> None:
    for path in ("/1", "/2", "/3"):
        assert client.get(proxy.url + path).ok
    assert len(site.served) == 3
    assert len(site.clients) == 1


def test_a_held_request_waits_while_others_pass(
    proxy: Proxy, site: Site, client: requests.Session, aside: ThreadPoolExecutor
) -> None:
    with proxy.add(Stall("POST", "/members")) as stall:
        held = aside.submit(requests.post, f"{proxy.url}/members", data=b"two", timeout=10)
        stall.wait_taken()
        assert client.get(f"{proxy.url}/members").status_code == 200
        assert ("POST", "/members") not in site.served
        assert not held.done()
    assert held.result(10).content == b"two"


def test_a_fault_skips_the_first_requests_and_stops_after_its_times(
    proxy: Proxy, client: requests.Session
) -> None:
    fault = proxy.add(Answer(503, b"{}", "GET", "/x", skip=1, times=2))
    codes = [client.get(f"{proxy.url}/x").status_code for _ in range(5)]
    assert codes == [200, 503, 503, 200, 200]
    assert fault.taken == 2


def test_a_released_fault_strikes_no_more(proxy: Proxy, client: requests.Session) -> None:
    with proxy.add(Answer(500)):
        assert client.get(f"{proxy.url}/x").status_code == 500
    assert client.get(f"{proxy.url}/x").status_code == 200


@pytest.mark.parametrize(("fault", "seen"), [(Close(), "without response"), (Reset(), "reset by peer")])
def test_a_cut_request_never_reaches_the_site(
    proxy: Proxy, site: Site, client: requests.Session, fault: Fault, seen: str
) -> None:
    with proxy.add(fault), pytest.raises(requests.ConnectionError, match=seen):
        client.post(f"{proxy.url}/x", data=b"x", timeout=10)
    assert site.served == []


@pytest.mark.parametrize("fault", [Close(on_answer=True), Reset(on_answer=True)], ids=str)
def test_a_cut_answer_leaves_the_request_done(
    proxy: Proxy, site: Site, client: requests.Session, fault: Fault
) -> None:
    with proxy.recording() as passed, proxy.add(fault), pytest.raises(requests.ConnectionError):
        client.post(f"{proxy.url}/x", data=b"x", timeout=10)
    assert site.served == [("POST", "/x")]
    assert passed[0].code == 201


def test_a_hanging_site_accepts_and_never_answers(proxy: Proxy, client: requests.Session) -> None:
    with proxy.add(Hang()) as hang, pytest.raises(requests.ReadTimeout):
        client.get(f"{proxy.url}/x", timeout=(1, 0.2))
    assert hang.taken == 1


def test_a_request_whose_client_left_does_not_arrive_later(proxy: Proxy, site: Site) -> None:
    with proxy.add(Stall("POST")), pytest.raises(requests.ReadTimeout):
        requests.post(f"{proxy.url}/x", data=b"x", timeout=(1, 0.2))
    assert requests.get(f"{proxy.url}/y", timeout=10).status_code == 200
    assert site.served == [("GET", "/y")]


def test_a_delay_ends(proxy: Proxy, client: requests.Session) -> None:
    with proxy.add(Delay(0.2)):
        answer = client.get(f"{proxy.url}/x", timeout=10)
    assert answer.elapsed.total_seconds() >= 0.2


def test_a_refusing_proxy_is_a_site_that_is_down_and_comes_back(
    proxy: Proxy, client: requests.Session
) -> None:
    assert client.get(f"{proxy.url}/x").status_code == 200
    proxy.refuse()
    with pytest.raises(requests.ConnectionError):
        client.get(f"{proxy.url}/x", timeout=10)
    proxy.start()
    assert client.get(f"{proxy.url}/x", timeout=10).status_code == 200


def test_refusing_cuts_the_request_that_is_under_way(proxy: Proxy, aside: ThreadPoolExecutor) -> None:
    with proxy.add(Stall()) as stall:
        under_way = aside.submit(requests.get, f"{proxy.url}/x", timeout=10)
        stall.wait_taken()
        proxy.refuse()
        with pytest.raises(requests.ConnectionError):
            under_way.result(10)


def test_a_site_that_is_down_closes_the_connection(client: requests.Session) -> None:
    nobody = Port()
    proxy = Proxy(("127.0.0.1", nobody.number)).start()
    with pytest.raises(requests.ConnectionError):
        client.get(f"{proxy.url}/x", timeout=10)
    proxy.stop()
    nobody.release()


def test_a_stopped_proxy_leaves_no_thread(site: Site, client: requests.Session) -> None:
    proxy = Proxy(("127.0.0.1", site.server_port)).start()
    client.get(f"{proxy.url}/x")
    assert len(_threads_of(proxy)) == 2
    proxy.stop()
    wait_until("the proxy's threads to end", lambda: not _threads_of(proxy), within=5)


def _threads_of(proxy: Proxy) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == f"proxy {proxy.port.number}"]


def test_a_port_is_kept_while_nobody_listens_and_a_taken_one_is_replaced() -> None:
    first = Port()
    listener = first.listen()
    second = Port(first.number)
    assert second.number != first.number
    listener.close()
    first.listen().close()
    first.release()
    second.release()
