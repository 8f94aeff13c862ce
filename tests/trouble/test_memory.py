"""What is large and empty, from a peer or an operator: refused with a reason, and little memory is taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from dcapi.lab.faults import Answer
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import SharedGroup, shared_group
from dcapi.lab.site import LabSite
from tests.faults.processes import workers_of
from tests.trouble.sick_site import GROUPS

# 39 MB of empty lists in a list: each becomes an object of its own.
HOSTILE = b"[" + b"[]," * 13_000_000 + b"[]]"
# Twice what was measured of such a list of members, 76 MB; read without limits it takes 1.4 GB.
BOUND_MEGABYTES = 150
# Seconds that others wait for an answer meanwhile.
PATIENCE = 2
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedGroup]:
    """A group in sync with a peer that tests let answer what they like."""
    settings = {"WORKERS": "1", "RECONCILE_SECONDS": "1"}
    with Pair(tmp_path_factory.mktemp("pair"), settings=settings) as pair:
        yield shared_group(pair, "berths", [pair.new_member("berth")])


@contextmanager
def little_memory(site: LabSite) -> Iterator[None]:
    """The site's worker takes no more memory within, not for a moment, than the bound."""
    [worker] = workers_of(site)
    Path(f"/proc/{worker}/clear_refs").write_text("5")  # forgets the peak so far
    before = megabytes(worker, "VmRSS")
    yield
    assert workers_of(site) == [worker]
    assert megabytes(worker, "VmHWM") - before < BOUND_MEGABYTES


def megabytes(process: int, what: str) -> float:
    told = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(told[what].split()[0]) / 1024


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".*/subclouds", "the answer holds more than 4000000 values"),
        (".*/system-peers/.*", "the answer is longer than 8388608 bytes"),
    ],
    ids=["members", "a peer"],
)
def test_a_hostile_answer_fails_the_sync_with_its_reason(shared: SharedGroup, path: str, reason: str) -> None:
    pair = shared.pair

    def message() -> str:
        answers_soon(pair.a)
        association = shared.association_at_a()
        return f"{association['sync-status']}: {association['sync-message']}"

    with little_memory(pair.a), pair.proxy.add(Answer(200, HOSTILE, "GET", path)):
        pair.at_a.sync(shared.association_id)
        wait_until("the sync to fail", message, lambda seen: seen.startswith("failed: ") and reason in seen)
    shared.sync()


def answers_soon(site: LabSite) -> None:
    for path in ("/healthz", "/"):
        assert requests.get(site.url + path, timeout=PATIENCE).ok


def test_hostile_answers_to_heartbeats_are_the_reason_of_an_alarm(shared: SharedGroup) -> None:
    pair = shared.pair
    pair.wait_for_peer("available")
    with little_memory(pair.a), pair.proxy.add(Answer(200, HOSTILE, "GET")):
        pair.wait_for_peer("unavailable")
        answers_soon(pair.a)
        [alarm] = pair.at_a.call("GET", "/v1.0/system-alarms")["system_alarms"]
        assert "the answer is longer than 8388608 bytes" in alarm["reason_text"]
    pair.wait_for_peer("available")
    assert pair.at_a.call("GET", "/v1.0/system-alarms")["system_alarms"] == []


@pytest.mark.parametrize("in_chunks", [False, True], ids=["length", "chunks"])
def test_an_operator_may_send_json_of_a_mib_and_no_more(shared: SharedGroup, *, in_chunks: bool) -> None:
    site, token = shared.pair.a, shared.pair.at_a.log_in()
    headers = {"X-Auth-Token": token, "Content-Type": "application/json", "Accept": "application/json"}

    def answer(size: int) -> requests.Response:
        body = b'{"name": [' + b"[]," * 300_000 + b"[]]}"
        body += b" " * (size - len(body))
        data = iter([body]) if in_chunks else body
        return requests.post(site.url + GROUPS, data=data, headers=headers, timeout=PATIENCE)

    with little_memory(site):
        assert answer(MIB).status_code == 400
        refused = answer(MIB + 1)
    assert refused.status_code == 413
    assert refused.json()["description"] == f"The body is larger than {MIB} bytes"
