"""What real servers write: lines that a machine can read, and that lead from site to site."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import quote

import pytest
import requests

from dcapi.lab.operator import Operator
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.site import LabSite
from dcapi.log import accepted_request_id
from tests.e2e.conftest import MakePair, MakeSite
from tests.e2e.failing_app import FORGED

HEADER = "X-Openstack-Request-Id"
WEIRD = "k\u00e4i \u6e2f \u202e\u2028 \" ' \\ %s {}"
Line = dict[str, Any]


def lines_of(site: LabSite) -> list[Line]:
    """The site's log, each line of which must be a JSON object."""
    lines = [json.loads(line) for line in site.log_file.read_text().splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    return lines


def raw_answer(site: LabSite, request: bytes) -> str:
    """What comes back for bytes that are no request of any client."""
    with socket.create_connection(("127.0.0.1", site.port.number), timeout=30) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()


def test_each_line_of_a_server_is_one_json_object(make_site: MakeSite) -> None:
    site = make_site({"LOG_FORMAT": "json", "ADMIN_PASSWORD": ""})
    site.app = "tests.e2e.failing_app:app"
    site.start()
    site.admin_password = (site.folder / "instance" / "admin-password").read_text().strip()
    with Operator(site.url, site.admin_password) as operator:
        text = WEIRD.replace("\u2028", "").replace("\u202e", "")
        group = {"name": "quays", "description": text, "update_apply_type": "serial"}
        operator.create("subcloud-groups", group)
    path = f"/v1.0/subclouds/{quote(WEIRD)}%0a%0d"
    requests.delete(site.url + path, headers={"User-Agent": "\x9b"}, timeout=30)
    failed = requests.post(f"{site.url}/v1.0/failing/{quote(WEIRD)}", timeout=30)
    raw_answer(site, b"NO\x00NSENSE\r\n\r\n")
    site.stop()

    lines = lines_of(site)
    assert site.admin_password not in site.log_file.read_text()
    loggers = {line["logger"] for line in lines}
    assert loggers >= {"gunicorn.error", "gunicorn.access", "dcapi.audit", "dcapi.api.errors"}
    assert all(line["time"].endswith("Z") and line["message"] for line in lines)
    (failure,) = [line for line in lines if "exception" in line]
    assert failure["request_id"] == failed.headers[HEADER]
    assert FORGED in failure["exception"]
    refused = next(line for line in lines if line.get("object_type") == "subcloud")
    assert refused["object_reference"] == WEIRD + "\n\r"


def test_plain_log_lines_begin_with_a_time_or_continue_the_last_one(
    make_site: MakeSite,
) -> None:
    site = make_site()
    site.app = "tests.e2e.failing_app:app"
    site.start()
    requests.delete(f"{site.url}/v1.0/subclouds/{quote(WEIRD)}%0a%0d", timeout=30)
    requests.post(f"{site.url}/v1.0/failing/{quote(WEIRD)}", timeout=30)
    site.stop()
    lines = site.log_file.read_text().split("\n")[:-1]
    assert all(line.isprintable() for line in lines)
    begun = [line for line in lines if not line.startswith("    ")]
    assert len(begun) < len(lines)
    assert all(line[10] == "T" and line.split(" ")[0].endswith("Z") for line in begun)


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX-Auth-Token: not\x00told\r\n\r\n", 400),
        (b"GET / HTTP/7.1\r\n\r\n", 505),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % number for number in range(300)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nExpect: miracles\r\n\r\n", 417),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: unheard-of\r\n\r\n", 501),
    ],
)
def test_what_is_no_request_is_answered_with_the_error_page_and_an_id(
    one_site: LabSite, request_bytes: bytes, code: int
) -> None:
    head, _, page = raw_answer(one_site, request_bytes).partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    assert head.startswith(f"HTTP/1.1 {code} ")
    assert accepted_request_id(headers[HEADER])
    assert f"<h1>{code} " in page
    assert page.split("<br /><br />\n")[1].split("\n")[0]
    assert headers["Content-Length"] == str(len(page.encode()))
    assert "told" not in one_site.log_file.read_text()


def test_an_unknown_http_version_is_called_unsupported(one_site: LabSite) -> None:
    assert "Unsupported HTTP version" in raw_answer(one_site, b"GET / HTTP/7.1\r\n\r\n")


@pytest.fixture(scope="module")
def one_site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    site = LabSite("site-a", tmp_path_factory.mktemp("site"))
    try:
        site.start()
        yield site
    finally:
        site.close()


def test_the_logs_of_two_sites_are_joined_by_the_id_of_a_request(make_pair: MakePair) -> None:
    pair = make_pair({"LOG_FORMAT": "json", "RECONCILE_SECONDS": "60"})
    pair.introduce()
    group = pair.at_a.create("subcloud-peer-groups", {"peer-group-name": "harbour"})
    pair.join_all(group["id"], [pair.new_member("quay"), pair.new_member("mole")])
    made = pair.at_a.create(
        "peer-group-associations",
        {"peer_group_id": group["id"], "system_peer_id": pair.peer_at_a()["id"], "peer_group_priority": 1},
        wait=60,
    )
    asked_under = last_id(pair)
    assert made["sync-status"] == "in-sync"
    wait_until(
        "both logs to be written", lambda: _ended(pair.a, asked_under) and _caused(pair.b, asked_under)
    )

    caused = _caused(pair.b, asked_under)
    changes = changes_in(caused)
    assert changes.count(("POST", "subcloud")) == 2
    assert ("POST", "subcloud_peer_group") in changes
    assert ("POST", "peer_group_association") in changes
    assert all(line["request_id"] != asked_under for line in caused)
    assert {line["sender"] for line in caused} == {"peer"}

    pair.at_a.update("subcloud-peer-groups", group["id"], {"max-subcloud-rehoming": 20})
    assert changes_in(_caused(pair.b, last_id(pair))) == [("PATCH", "subcloud_peer_group")]
    pair.at_a.delete("peer-group-associations", made["id"])
    assert changes_in(_caused(pair.b, last_id(pair))) == [
        ("DELETE", "subcloud"),
        ("DELETE", "subcloud"),
        ("DELETE", "peer_group_association"),
        ("DELETE", "subcloud_peer_group"),
    ]


def last_id(pair: Pair) -> str:
    """The id of the operator's last request at A."""
    assert pair.at_a.last_answer is not None
    return pair.at_a.last_answer.headers[HEADER]


def changes_in(lines: list[Line]) -> list[tuple[str, str]]:
    """Method and type of object of each change, in the order of the log; reads of secrets left out."""
    return [(line["method"], line["object_type"]) for line in lines if line["method"] != "GET"]


def _ended(site: LabSite, asked_under: str) -> list[Line]:
    lines = [line for line in lines_of(site) if line.get("request_id") == asked_under]
    return [line for line in lines if line["logger"].startswith("dcapi.sync")]


def _caused(site: LabSite, asked_under: str) -> list[Line]:
    """What a site's audit log says of changes that the other site made for a request; logins left out."""
    return [
        line
        for line in lines_of(site)
        if line.get("global_request_id") == asked_under
        and line["logger"] == "dcapi.audit"
        and line["object_type"] != "token"
    ]
