"""Secrets that can be told apart go through two real sites that log all they can: none is found elsewhere."""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import socket
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from cryptography.fernet import Fernet

from dcapi.lab.members import Member
from dcapi.lab.operator import Operator, RefusedError, base64_text, multipart
from dcapi.lab.pair import Pair
from dcapi.lab.site import LabSite
from dcapi.models.keyring import SECRETS_KEY_FILE
from tests.canary_values import CANARIES, spelled
from tests.e2e.canaries import found_in, places_of, secrets_of
from tests.e2e.conftest import MakePair
from tests.e2e.test_start import FLASK, _run

PHASED = "/phased-subcloud-deploy"
# One that takes archives.
ARCHIVE_RELEASE = "25.09"
WRONG = "Canary-wrong-login-1"
READER = "Canary-reader-2 of the fleet"
PLANTED = {
    "admin": "Canary-admin-3+q",
    "registry": "Canary-registry/4",
    "proxy": "Canary-proxy-5",
    "bmc": "Canary-bmc-6",
    "wrong peer": "Canary-wrong-peer-7",
    "bad": "Canary-bad-8",
    "wrong login": WRONG,
    "reader": READER,
    "chart": "Canary-chart-9",
    "archive": "Canary-archive-10",
}


class Answers:
    """What callers were told who may not see secrets, and what errors said to everybody."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def call(self, method: str, url: str, **options: Any) -> requests.Response:
        answer = requests.request(method, url, timeout=60, **options)
        self.texts.append(f"{method} {url}: {answer.status_code} {answer.headers} {answer.text}")
        return answer

    def refused(self, method: str, url: str, **options: Any) -> None:
        assert self.call(method, url, **options).status_code >= 400


def with_canaries(member: Member) -> Member:
    values = {
        **member.bootstrap_values,
        **spelled(),
        "admin_password": PLANTED["admin"],
        "docker_registries": {"defaults": {"url": "registry.example", "password": PLANTED["registry"]}},
        "docker_http_proxy": f"http://porter:{PLANTED['proxy']}@proxy.example:3128",
    }
    second = {"second": {"bmc_password": PLANTED["bmc"]}, "extra_boot_params": spelled()["boot"]}
    install = member.install_values and {**member.install_values, **second}
    return replace(member, bootstrap_values=values, install_values=install)


@pytest.fixture
def played(make_pair: MakePair) -> tuple[Pair, Answers, dict[str, str]]:
    """A pair that went through good and bad times, what was answered, and all the secrets there were."""
    pair = make_pair({"LOG_LEVEL": "DEBUG", "DEPLOY_FAILURES": "broken-1:bootstrap"})
    key = Fernet.generate_key().decode()
    pair.b.settings["SECRETS_KEYS"] = f"{key},{(pair.b.folder / 'instance' / SECRETS_KEY_FILE).read_text()}"
    pair.b.stop()
    pair.b.start()
    answers = Answers()
    tokens = {"token a": pair.at_a.log_in(), "token b": pair.at_b.log_in()}
    member = with_canaries(pair.new_member("quay", install=True))
    association = work(pair, member)
    deploy_in_phases(pair, answers, tokens["token a"])
    reader_token = read(pair, answers)
    fail(pair, answers, member, association)
    send_nonsense(pair, answers, tokens["token a"])
    rotated = _run((*FLASK, "dcapi", "rotate-secrets"), pair.a)
    assert rotated.returncode == 0, rotated.stderr
    answers.texts.append(rotated.stdout + rotated.stderr)
    own = {**secrets_of(pair.a), **secrets_of(pair.b), "key of b": key, "reader's token": reader_token}
    return pair, answers, {**PLANTED, **CANARIES, **tokens, **own}


def work(pair: Pair, member: Member) -> int:
    """Pair, deploy, join, sync; one deployment fails. Returns the id of the association."""
    pair.introduce()
    pair.at_a.create("subcloud-peer-groups", {"peer-group-name": "coast"})
    pair.join("coast", member)
    broken = with_canaries(pair.new_member("broken"))
    pair.at_a.add_subcloud(broken.creation(), wait=60)
    ids = {"peer_group_id": 1, "system_peer_id": pair.peer_at_a()["id"], "peer_group_priority": 1}
    association = pair.at_a.create("peer-group-associations", ids, wait=60)
    assert association["sync-status"] == "in-sync"
    arrived = pair.at_b.one("subclouds", member.name)["rehome_data"]
    assert all(canary in arrived for canary in (PLANTED["registry"], *CANARIES.values()))
    return int(association["id"])


def deploy_in_phases(pair: Pair, answers: Answers, token: str) -> None:
    """One subcloud phase after phase with a chart, another one enrolled with an archive."""
    url, headers = f"{pair.a.url}/v1.0", {"X-Auth-Token": token, "Accept": "application/json"}

    def done(method: str, path: str, files: Any) -> None:
        answer = answers.call(method, url + path, headers=headers | {"Prefer": "wait=60"}, files=files)
        assert answer.status_code == 200, answer.text

    chart = ("chart.tgz", f"password: {PLANTED['chart']}")
    done("POST", "/subcloud-deploy", {"deploy_chart": chart, "deploy_playbook": ("book.yml", "- hosts: all")})
    phases = f"{PHASED}/1st"
    for name, release in (("1st", "24.09"), ("2nd", ARCHIVE_RELEASE)):
        made = pair.new_member("phase", install=True)
        member = with_canaries(replace(made, bootstrap_values={**made.bootstrap_values, "name": name}))
        creation = {**member.phased_creation(), "name": name, "release": release}
        creation["install_values"] = {**(member.install_values or {}), "software_version": release}
        done("POST", PHASED, multipart(creation))
    password = multipart(member.for_phase())
    config = ("deploy_config", ("config.yaml", f"bmc_password: {PLANTED['bmc']}"))
    for verb, files in (("install", password), ("bootstrap", password), ("configure", [*password, config])):
        done("PATCH", f"{phases}/{verb}", files)
    archive = ("cloud_init_config", ("seed.tar", a_tar(PLANTED["archive"])))
    done("PATCH", f"{PHASED}/2nd/enroll", [*password, archive])


def a_tar(text: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo("first.sh")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue()


def read(pair: Pair, answers: Answers) -> str:
    """Somebody who sees no secrets reads everything there is; returns their token."""
    site = pair.a
    added = _run(
        (*FLASK, "dcapi", "user", "add", "looker", "--role", "configurator", "--password-stdin"),
        site,
        typed=f"{READER}\n",
    )
    assert added.returncode == 0, added.stderr
    answers.texts.append(added.stdout + added.stderr)
    with Operator(site.url, READER, "looker") as looker:
        token = looker.log_in()
    resources = (
        "system-peers",
        "subcloud-peer-groups",
        "peer-group-associations",
        "subclouds",
        "subcloud-groups",
    )
    paths = [f"/v1.0/{resource}" for resource in resources]
    paths += [f"{path}/1" for path in paths] + [
        "/v1.0/subclouds/2/detail",
        "/v1.0/subcloud-groups/1/subclouds",
    ]
    paths += ["/v1.0/subclouds/1/detail", "/v1.0/subcloud-peer-groups/1/subclouds", "/v1.0/system-alarms"]
    paths += ["/v1/isystems", "/healthz", "/readyz", "/metrics", "/v1.0/openapi.json", "/docs", "/", "/v3"]
    for path in paths:
        answers.call("GET", f"{site.url}{path}", headers={"X-Auth-Token": token})
    changed = multipart({"description": "seen by the looker"})
    answers.call("PATCH", f"{site.url}/v1.0/subclouds/1", files=changed, headers={"X-Auth-Token": token})
    return token


def fail(pair: Pair, answers: Answers, member: Member, association: int) -> None:
    """The peer is away, then it has another password; both servers die and come back."""
    peer = pair.peer_at_a()["id"]
    pair.take_b_down()
    pair.at_a.update_subcloud(member.name, {"description": "while the peer is away"})
    assert pair.at_a.sync(association, wait=60)["sync-status"] == "failed"
    pair.bring_b_back()
    pair.at_a.update("system-peers", peer, {"manager_password": base64_text(PLANTED["wrong peer"])})
    failed = pair.at_a.sync(association, wait=60)
    assert failed["sync-status"] == "failed", failed
    answers.texts.append(failed["sync-message"])
    with contextlib.suppress(RefusedError):
        pair.at_a.update("subcloud-peer-groups", "coast", {"max-subcloud-rehoming": 7})
    pair.at_a.update("system-peers", peer, {"manager_password": base64_text(pair.b.admin_password)})
    pair.a.kill()
    pair.a.start()
    assert pair.at_a.sync(association, wait=60)["sync-status"] == "in-sync"


def send_nonsense(pair: Pair, answers: Answers, token: str) -> None:
    """Requests that are wrong and full of secrets."""
    bad, url = PLANTED["bad"], f"{pair.a.url}/v1.0"
    headers = {"X-Auth-Token": token, "Accept": "application/json"}
    documents = [
        f"admin_password: {bad}: x",
        f"admin_password: *{bad}",
        f"admin_password: [{bad}",
        f"- {bad}",
    ]
    documents += [
        f"admin_password: !{bad} x",
        yaml.safe_dump({"management_subnet": "none", "admin_password": bad}),
    ]
    for method, path in (
        ("POST", "/subclouds"),
        ("PATCH", "/subclouds/1"),
        ("POST", PHASED),
        ("PATCH", f"{PHASED}/2nd/configure"),
    ):
        for part, document in itertools.product(("bootstrap_values", "install_values"), documents):
            answers.refused(method, url + path, headers=headers, files={part: (part, document)})
        for part in ("bmc_password", "sysadmin_password"):
            answers.refused(method, url + path, headers=headers, files={part: (None, f"{bad}!")})
    for body in (f'{{"manager_password": "{bad}', f'{{"manager_password": "{bad}", "peer_uuid": "{bad}"}}'):
        answers.refused("POST", f"{url}/system-peers", headers=headers, data=body)
        answers.refused("POST", f"{pair.a.url}/v3/auth/tokens", headers=headers, data=body)
    for header in ({"X-Auth-Token": f"{bad} "}, {"X-Auth-Token": f"{token}x"}):
        answers.refused("GET", f"{url}/subclouds", headers=header)
    with pytest.raises(RefusedError) as refusal, Operator(pair.a.url, WRONG) as stranger:
        stranger.log_in()
    answers.texts.append(refusal.value.text)
    lines = [b"GET /v1.0/subclouds HTTP/1.1", b"Host: a", f"X-Auth-Token: {token}".encode()]
    for broken in (b"X Auth: %s", b"X-Auth-Token\x00: %s", b"X-Other: %s\x00", b"Content-Length: %s"):
        answers.texts.append(raw(pair.a, b"\r\n".join([*lines, broken % bad.encode(), b"", b""])))


def raw(site: LabSite, request: bytes) -> str:
    with socket.create_connection(("127.0.0.1", site.port.number), timeout=30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode(errors="replace")


def command_lines(site: LabSite) -> bytes:
    """What ``ps`` shows of the master and of its workers."""
    found = b""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            status = (process / "stat").read_text().rsplit(")", 1)[1].split()
            if site.pid in (int(process.name), int(status[1])):
                found += (process / "cmdline").read_bytes() + (process / "comm").read_bytes()
    assert b"gunicorn" in found
    return found


def places(pair: Pair, answers: Answers) -> Iterator[tuple[str, bytes]]:
    yield from (("an answer", text.encode()) for text in answers.texts)
    for site in (pair.a, pair.b):
        yield f"the command lines of {site.name}", command_lines(site)
        yield from places_of(site)


def test_no_secret_is_found_where_it_does_not_belong(played: tuple[Pair, Answers, dict[str, str]]) -> None:
    pair, answers, secrets = played
    searched = list(places(pair, answers))
    assert {"site-a: dcapi.sqlite3", "site-b: dcapi.sqlite3"} <= {name for name, _ in searched}
    assert any(b"DEBUG" in content for name, content in searched if name.startswith("the log"))
    assert found_in(searched, secrets) == set()
    # The search itself can see every one of them.
    everything = b"".join(base64.b64encode(text.encode()) + b" " for text in secrets.values())
    assert {secret for secret, _, _ in found_in([("here", everything)], secrets)} == set(secrets)
    for site in (pair.a, pair.b):
        for path in (site.folder / "instance").rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path
