"""``GET /v1.0/subclouds`` of a thousand subclouds, beside the bare driver and orjson doing the same."""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dcapi.auth.users import Users
from dcapi.instance import InstanceFolder
from dcapi.lab.operator import Json, Operator
from dcapi.lab.ports import HOST
from dcapi.lab.site import LabSite
from dcapi.settings import settings_from
from tests.bench.bare_list import BareList, common
from tests.bench.figures import MEDIAN, Note, Verdict, judged, seconds_of
from tests.bench.filled_site import fill

SUBCLOUDS = 1000
# Requests before the first one that counts.
WARM_UP = 5
LIMITS = {MEDIAN: 2.0}

# Whom single subclouds are shown as lists are: without secrets.
READER = "reader"


def measure(folder: Path, rounds: int, note: Note) -> list[Verdict]:
    """Take the times of both in turns, after a look that they say the same; raises AssertionError."""
    with ExitStack() as stack:
        site = LabSite("bench-list", folder)
        stack.callback(site.close)
        note(f"a site with {SUBCLOUDS} subclouds is made")
        bare = BareList(fill(site, SUBCLOUDS))
        stack.callback(bare.close)
        reader = _add_reader(site)
        site.start()
        get = stack.enter_context(_keep_alive(site))
        size = _check_body(reader, get(), bare.body(), note)
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(WARM_UP + rounds):
            taken = seconds_of(get), seconds_of(bare.body)
            if number >= WARM_UP:
                for kept, seconds in zip(times, taken, strict=True):
                    kept.append(seconds)
        site.stop()
    return judged(f"list of {SUBCLOUDS} subclouds ({size / 1e6:.1f} MB), HTTP beside bare", *times, LIMITS)


def _add_reader(site: LabSite) -> Operator:
    password = secrets.token_urlsafe(12)
    users = Users(InstanceFolder.of(settings_from(site.settings)))
    users.add(READER, password, roles=[READER], projects=["admin"])
    return Operator(site.url, password, user=READER)


@contextmanager
def _keep_alive(site: LabSite) -> Iterator[Callable[[], bytes]]:
    """What gets the list once more over one connection: the thinnest client, so that the site is measured."""
    with Operator(site.url, site.admin_password) as operator:
        headers = {"X-Auth-Token": operator.log_in(), "Accept": "application/json"}
    connection = http.client.HTTPConnection(HOST, site.port.number)
    try:
        yield lambda: _got(connection, headers)
    finally:
        connection.close()


def _got(connection: http.client.HTTPConnection, headers: dict[str, str]) -> bytes:
    connection.request("GET", "/v1.0/subclouds", headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.client.OK:
        raise AssertionError(f"the list was answered {answer.status}: {body[:200]!r}")
    return body


def _check_body(reader: Operator, listed: bytes, bare: bytes, note: Note) -> int:
    """Compare the list with the bare one and with every single subcloud; returns its size in bytes."""
    note("the list is compared with each single subcloud")
    subclouds: list[Json] = json.loads(listed)["subclouds"]
    with reader:
        singles = [reader.one("subclouds", number + 1) for number in range(SUBCLOUDS)]
    for single in singles:
        statuses = {endpoint["sync_status"] for endpoint in single["endpoint_sync_status"]}
        single["sync_status"] = common(statuses)
    if subclouds != singles:
        raise AssertionError("the list is not what the single subclouds say")
    if json.loads(bare)["subclouds"] != subclouds:
        raise AssertionError("the bare list is not what the site says")
    return len(listed)
