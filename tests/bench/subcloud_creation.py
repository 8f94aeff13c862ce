"""``POST /v1.0/subclouds`` beside five thousand subclouds, and beside a hundred: whom may a network meet?"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests

from dcapi.lab.members import member
from dcapi.lab.operator import Operator, multipart
from dcapi.lab.ports import HOST
from dcapi.lab.site import LabSite
from tests.bench.figures import MEDIAN, Note, Verdict, judged, seconds_of
from tests.bench.filled_site import fill

FEW, MANY = 100, 5000
# Creations on each site before the first one that counts.
WARM_UP = 5
LIMITS = {MEDIAN: 1.5}

# One that the sites do not have yet, and whose network they judge in full, but do not deploy.
NEW = member(MANY, "newcomer", install=True)
FORM = {**NEW.creation(), "secondary": "true"}


def measure(folder: Path, rounds: int, note: Note) -> list[Verdict]:
    """Take the times of both sites in turns; raises AssertionError for an answer other than 200."""
    times: dict[int, list[float]] = {FEW: [], MANY: []}
    with ExitStack() as stack:
        create = {count: stack.enter_context(_filled(folder / str(count), count, note)) for count in times}
        note(f"{rounds} creations on each")
        for number in range(WARM_UP + rounds):
            # Each of the two comes first as often as the other.
            for count in sorted(times, reverse=bool(number % 2)):
                seconds = create[count]()
                if number >= WARM_UP:
                    times[count].append(seconds)
    what = f"creation of a subcloud beside {MANY} others, beside {FEW}"
    return judged(what, times[MANY], times[FEW], LIMITS)


@contextmanager
def _filled(folder: Path, count: int, note: Note) -> Iterator[Callable[[], float]]:
    """A site with so many subclouds; yields what creates one more, takes the time, and deletes it again."""
    note(f"a site with {count} subclouds is made")
    site = LabSite(f"bench-{count}", folder)
    try:
        fill(site, count)
        site.start()
        with Operator(site.url, site.admin_password) as operator:
            connection = http.client.HTTPConnection(HOST, site.port.number)
            post = _request(site, operator.log_in())

            def create() -> float:
                seconds = seconds_of(lambda: _send(connection, post))
                operator.delete("subclouds", NEW.name)
                return seconds

            yield create
            connection.close()
        site.stop()
    finally:
        site.close()


def _request(site: LabSite, token: str) -> requests.PreparedRequest:
    """The request once for all: what it takes to write it is no part of the time."""
    headers = {"X-Auth-Token": token, "Accept": "application/json"}
    url = f"{site.url}/v1.0/subclouds"
    return requests.Request("POST", url, headers=headers, files=multipart(FORM)).prepare()


def _send(connection: http.client.HTTPConnection, post: requests.PreparedRequest) -> None:
    connection.request("POST", post.path_url, body=post.body, headers=dict(post.headers))
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != http.client.OK:
        raise AssertionError(f"the creation was answered {answer.status}: {text[:200]!r}")
