"""Malformed requests get an answer that says so, and change nothing; their well-formed twins are accepted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from dcapi.api.patches import MARK
from tests.conftest import ADMIN_PASSWORD, make_site
from tests.integration.bad_input import (
    deploy_file_cases,
    form_cases,
    json_cases,
    order_cases,
    phase_cases,
    url_cases,
    world,
)
from tests.integration.bad_input.calls import PEER_AGENT, Case, Request
from tests.site_client import SiteClient

CASES: tuple[Case, ...] = (
    *json_cases.cases(),
    *form_cases.cases(),
    *url_cases.cases(),
    *order_cases.cases(),
    *deploy_file_cases.cases(),
    *phase_cases.cases(),
)

CHANGING_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Nothing is accepted there yet, so that a malformed request has no twin.
WITHOUT_TWIN = "PATCH /subclouds/<reference>/<any("
# Its body does not count.
WITHOUT_BODY = "PATCH /peer-group-associations/<reference>/sync"
# It names nothing that could be there or not.
WITHOUT_REFERENCE = "PATCH /phased-subcloud-deploy"

CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f]")


class Site:
    """One site for many tests, put back to where it began before each of them."""

    def __init__(self, app: Flask, folder: Path) -> None:
        self.app = app
        self.client = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD)
        self._copy = folder / "snapshot.sqlite3"
        world.build(app, self.client, SiteClient.logged_in(app, "admin", ADMIN_PASSWORD, PEER_AGENT))

    def snapshot(self) -> None:
        world.snapshot(self.app, self._copy)

    def restore(self) -> None:
        world.restore(self.app, self._copy)

    def digest(self) -> str:
        return world.digest(self.app)

    def call(self, request: Request, accept: str = "application/json") -> TestResponse:
        # Jobs run when they are told to, so nothing is waited for.
        headers = {"Accept": accept, "Prefer": "wait=0"}
        headers |= {"User-Agent": PEER_AGENT} if request.peer else {}
        return self.client.call(
            request.method,
            request.path,
            data=request.body,
            content_type=request.content_type,
            headers=headers,
        )


@pytest.fixture(scope="module")
def shared_site(prepared_instance: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("bad-input")
    with make_site(prepared_instance, folder, MAX_CONTENT_LENGTH=world.LARGEST_BODY) as app:
        app.testing = False  # an unexpected error is answered, as in service
        site = Site(app, folder)
        site.snapshot()
        yield site


@pytest.fixture
def site(shared_site: Site) -> Site:
    shared_site.restore()
    return shared_site


def _has_the_json_body(answer: TestResponse) -> bool:
    body = answer.get_json(silent=True)
    return (
        isinstance(body, dict)
        and list(body) == ["code", "title", "description"]
        and body["code"] == answer.status_code
        and bool(body["description"])
        and not CONTROLS.search(body["description"])
    )


def _has_the_page(answer: TestResponse) -> bool:
    lines = answer.text.split("\n")
    start = lines.index("<body>")
    heading, explanation, message, end = lines[start + 1 : start + 5]
    return (
        heading.startswith(f"<h1>{answer.status_code} ")
        and explanation.endswith("<br /><br />")
        and bool(message)
        and "<" not in message
        and end == "</body>"
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(f"{case.route}: {case.name}"))
def test_a_malformed_request_is_refused_and_its_twin_is_accepted(site: Site, case: Case) -> None:
    before = site.digest()
    answer = site.call(case.bad)
    assert answer.status_code == case.code, answer.text
    assert _has_the_json_body(answer), answer.text
    assert case.text in answer.get_json()["description"]
    page = site.call(case.bad, accept="*/*")
    assert page.status_code == case.code
    assert _has_the_page(page), page.text
    assert site.digest() == before
    accepted = site.call(case.twin)
    assert accepted.status_code == 200, accepted.text


@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
def test_malformed_requests_are_refused_in_the_same_way_on_postgresql(
    prepared_instance: Path, tmp_path: Path, database_uri: str
) -> None:
    """All in one test: none changes anything, so that nothing has to be put back between them."""
    settings = {"SQLALCHEMY_DATABASE_URI": database_uri, "MAX_CONTENT_LENGTH": world.LARGEST_BODY}
    with make_site(prepared_instance, tmp_path, **settings) as app:
        app.testing = False
        site = Site(app, tmp_path)
        before = site.digest()
        wrong = [f"{case.route}: {case.name}: {answer}" for case in CASES if (answer := _differs(site, case))]
        assert not wrong
        assert site.digest() == before


def _differs(site: Site, case: Case) -> str | None:
    """What is answered when it is not what the table says."""
    answer = site.call(case.bad)
    expected = answer.status_code == case.code and case.text in answer.get_json()["description"]
    return None if expected else answer.text


def test_every_patch_is_judged_in_the_same_order(shared_site: Site) -> None:
    patches = [rule for rule in shared_site.app.url_map.iter_rules() if "PATCH" in (rule.methods or set())]
    views = {f"PATCH {rule.rule.removeprefix('/v1.0')}": rule.endpoint for rule in patches}
    views.pop(WITHOUT_REFERENCE)
    unmarked = [key for key, view in views.items() if not hasattr(shared_site.app.view_functions[view], MARK)]
    assert unmarked == []
    with_body = {route for route in views if not route.startswith(WITHOUT_TWIN)} - {WITHOUT_BODY}
    assert {case.route for case in order_cases.cases()} == with_body


def test_the_table_has_many_requests_for_each_route_that_changes_something(shared_site: Site) -> None:
    counts = Counter(case.route for case in CASES)
    routes = {
        f"{method} {rule.rule.removeprefix('/v1.0')}"
        for rule in shared_site.app.url_map.iter_rules()
        for method in (rule.methods or set()) & CHANGING_METHODS
        if rule.rule.startswith("/v1.0/")
    }
    assert set(counts) == {route for route in routes if not route.startswith(WITHOUT_TWIN)}
    assert min(counts.values()) >= 5
    assert len(CASES) >= 150


def test_no_request_of_the_table_has_the_name_of_another_one() -> None:
    names = Counter((case.route, case.name, case.bad.peer, case.bad.path) for case in CASES)
    assert names.most_common(1)[0][1] == 1
