"""The id that every answer bears, whoever asked and whatever came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.test import create_environ

from dcapi.api.request import EXTENSION
from dcapi.api.request_ids import RequestIds
from dcapi.log import accepted_request_id, global_request_id, request_id
from dcapi.services import system_peers
from tests.site_client import SiteClient

HEADER = "X-Openstack-Request-Id"
SENT = "req-3f2504e0-4f89-41d3-9a0c-0305e82c3301"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/v1.0/subclouds", 401),
        ("GET", "/v1.0/no-such-thing", 404),
        ("PATCH", "/v3/auth/tokens", 405),
        ("BREW", "/", 405),
        ("POST", "/v3/auth/tokens", 400),
    ],
)
def test_each_answer_has_an_id_of_its_own(client: FlaskClient, method: str, path: str, status: int) -> None:
    answers = [client.open(path, method=method) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {status}
    ids = [answer.headers.getlist(HEADER) for answer in answers]
    assert len({accepted_request_id(own) for (own,) in ids} - {""}) == 3


def test_a_body_that_is_too_large_is_refused_under_an_id_of_its_own(client: FlaskClient) -> None:
    ids = [
        client.post("/v3/auth/tokens", headers={"Content-Length": str(2**40)}).headers[HEADER]
        for _ in range(2)
    ]
    assert len({*ids, ""}) == 3


def test_a_failure_is_answered_and_logged_under_the_same_id(
    operator: SiteClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(system_peers, "list_peers", lambda *_: 1 / 0)
    answer = operator.get("/system-peers")
    assert answer.status_code == 500
    assert any(answer.headers[HEADER] in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_what_fails_outside_of_the_application_is_answered_too(
    app: Flask, accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise ValueError("a secret text")

    app.wsgi_app = RequestIds(app, broken)  # type: ignore[method-assign]
    answer = app.test_client().delete("/v1.0/subclouds/1", headers={"Accept": accept})
    assert answer.status_code == 500
    assert accepted_request_id(answer.headers[HEADER])
    assert "An unexpected error occurred." in answer.text
    assert "a secret text" not in answer.text
    assert "a secret text" in caplog.text


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (ValueError("a fault of ours"), 500),
        (OperationalError("ROLLBACK", None, Exception("gone"), connection_invalidated=True), 503),
    ],
)
def test_a_server_is_told_one_head_when_an_answer_fails_after_it_began(
    app: Flask, failure: Exception, code: int
) -> None:
    def broken(_environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "2")])
        raise failure

    told: list[tuple[str, list[tuple[str, str]]]] = []
    body = RequestIds(app, broken)(create_environ("/"), lambda *head: told.append(head[:2]))  # type: ignore
    [(status, headers)] = told
    assert status.startswith(str(code))
    lengths = [value for name, value in headers if name == "Content-Length"]
    assert lengths == [str(len(b"".join(body)))]
    assert ("Retry-After" in dict(headers)) == (code == 503)


def seen_ids(app: Flask, sent: str | None) -> tuple[tuple[str, str], str]:
    """The ids that a view works under, and the one that its answer bears, when a client sends one."""
    seen: list[tuple[str, str]] = []
    within: Callable[..., Any] = app.wsgi_app

    def looking(*arguments: Any) -> Any:
        seen.append((request_id.get(), global_request_id.get()))
        return within(*arguments)

    looked = RequestIds(app, looking)
    app.wsgi_app = looked  # type: ignore[method-assign]
    answer = app.test_client().get("/", headers={HEADER: sent} if sent else {})
    return seen[0], answer.headers[HEADER]


def test_an_id_that_a_client_sends_stands_beside_the_own_one(app: Flask) -> None:
    (own, sender), answered = seen_ids(app, SENT)
    assert sender == SENT
    assert own == answered != SENT


@pytest.mark.parametrize("sent", [None, "mine", "req-1", SENT + "x", f"{SENT}, {SENT}", "\u00e9" * 40])
def test_what_is_no_id_counts_for_nothing(app: Flask, sent: str | None) -> None:
    (own, sender), answered = seen_ids(app, sent)
    assert sender == ""
    assert own == answered


def test_what_a_thread_does_between_two_requests_belongs_to_neither(client: FlaskClient) -> None:
    client.get("/", headers={HEADER: SENT})
    assert (request_id.get(), global_request_id.get()) == ("", "")


def test_what_a_request_causes_later_is_done_under_its_ids(app: Flask, client: FlaskClient) -> None:
    jobs = app.extensions[EXTENSION].jobs
    seen: list[tuple[str, str]] = []
    jobs.register("look", lambda: seen.append((request_id.get(), global_request_id.get())))
    app.before_request(lambda: jobs.submit("look", "look") and None)
    answer = client.get("/", headers={HEADER: SENT})
    jobs.run_waiting()
    assert seen == [(answer.headers[HEADER], SENT)]
