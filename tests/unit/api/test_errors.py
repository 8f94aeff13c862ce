"""Errors as clients see them."""

from __future__ import annotations

import logging
import re
import sqlite3
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from werkzeug.exceptions import BadRequestKeyError, ImATeapot, RequestEntityTooLarge

from dcapi import errors
from dcapi.api.errors import is_busy, names_json, one_line, register_errors
from dcapi.api.json import OrjsonProvider
from dcapi.tasks.hold import LeaseLost

JSON = {"Accept": "application/json"}


def _client(raised: Exception) -> FlaskClient:
    app = Flask(__name__)
    app.json = OrjsonProvider(app)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    register_errors(app)

    def fail() -> str:
        raise raised

    app.add_url_rule("/v1.0/thing", "thing", fail)
    app.add_url_rule("/v3/thing", "identity", fail)
    return app.test_client()


def _lines_as_the_command_line_client_reads_them(page: str) -> list[str]:
    """It takes the text of the body without tags, and of that the third line."""
    body = re.search("<body>(.*)</body>", page, re.DOTALL)
    assert body
    return re.sub("<[^>]*>", "", body.group(1)).strip().split("\n")


ERRORS: list[tuple[Exception, int, str, str]] = [
    (errors.BadRequest("Invalid peer uuid"), 400, "Bad Request", "Invalid peer uuid"),
    (errors.Unauthorized("No token"), 401, "Unauthorized", "No token"),
    (errors.Forbidden("No"), 403, "Forbidden", "No"),
    (errors.NotFound("System Peer not found"), 404, "Not Found", "System Peer not found"),
    (errors.Conflict("Taken"), 409, "Conflict", "Taken"),
    (errors.Gone("Use that"), 410, "Gone", "Use that"),
    (errors.ContentTooLarge("Big"), 413, "Content Too Large", "Big"),
    (errors.Unprocessable("Away"), 422, "Unprocessable Entity", "Away"),
    (errors.TooBusy("Later"), 503, "Service Unavailable", "Later"),
    (ImATeapot(), 418, "I'm a teapot", str(ImATeapot.description)),
    (KeyError("secret"), 500, "Internal Server Error", "An unexpected error occurred."),
]


@pytest.mark.parametrize(("error", "code", "title", "text"), ERRORS)
def test_every_error_has_both_bodies(error: Exception, code: int, title: str, text: str) -> None:
    client = _client(error)
    as_json = client.get("/v1.0/thing", headers=JSON)
    assert as_json.status_code == code
    assert as_json.get_json() == {"code": code, "title": title, "description": text}
    assert list(as_json.get_json()) == ["code", "title", "description"]
    page = client.get("/v1.0/thing")
    assert page.status_code == code
    assert page.mimetype == "text/html"
    lines = _lines_as_the_command_line_client_reads_them(page.text.replace("&#x27;", "'"))
    assert lines[0] == f"{code} {title}"
    assert lines[1]
    assert lines[2:] == [text]


def test_the_page_has_each_thing_on_a_line_of_its_own() -> None:
    lines = _client(errors.NotFound("Not here")).get("/v1.0/thing").text.split("\n")
    start = lines.index("<body>")
    assert lines[start + 1] == "<h1>404 Not Found</h1>"
    assert lines[start + 2].endswith("<br /><br />")
    assert lines[start + 3] == "Not here"


def test_a_message_is_escaped_in_the_page_and_plain_in_json() -> None:
    client = _client(errors.BadRequest("<script>\"&'"))
    assert "&lt;script&gt;&quot;&amp;&#x27;" in client.get("/v1.0/thing").text
    assert client.get("/v1.0/thing", headers=JSON).get_json()["description"] == "<script>\"&'"


@pytest.mark.parametrize("message", ["a\r\nb", "a\x00b", "a\x85b", "a\u2028b", "a\n\n\tb"], ids=ascii)
def test_a_message_stays_on_its_line_whatever_it_quotes(message: str) -> None:
    client = _client(errors.BadRequest(message))
    lines = _lines_as_the_command_line_client_reads_them(client.get("/v1.0/thing").text)
    assert lines[2:] == ["a b"]


def test_half_of_a_surrogate_pair_breaks_no_answer() -> None:
    client = _client(errors.BadRequest("a\ud800b"))
    assert client.get("/v1.0/thing", headers=JSON).get_json()["description"] == "a\ufffdb"
    assert "a\ufffdb" in client.get("/v1.0/thing").text


def test_an_empty_message_leaves_no_empty_line() -> None:
    lines = _lines_as_the_command_line_client_reads_them(_client(errors.Gone("")).get("/v1.0/thing").text)
    assert lines[2]


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        ("application/json", True),
        ("Application/JSON", True),
        ("application/json;q=0.5", True),
        ("application/json; charset=utf-8", True),
        ("text/html, application/json;q=0.9, */*;q=0.8", True),
        ("text/plain,application/json", True),
        ("application/json;q=0", False),
        ("application/json; q=0.000", False),
        ("*/*", False),
        ("application/*", False),
        ("text/html", False),
        ("", False),
        ("application/jsonp", False),
        ('garbage;;;=,,,"', False),
    ],
)
def test_json_is_for_who_names_it(accept: str, json: bool) -> None:
    assert names_json(accept) is json


def test_unknown_accept_header_is_no_error() -> None:
    answer = _client(errors.NotFound("x")).get("/v1.0/thing", headers={"Accept": "image/png"})
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"


def test_headers_of_an_error_are_kept() -> None:
    challenge = {"WWW-Authenticate": 'Keystone uri="http://a"'}
    answer = _client(errors.Unauthorized("x", headers=challenge)).get("/v1.0/thing")
    assert answer.headers["WWW-Authenticate"] == 'Keystone uri="http://a"'
    answer = _client(errors.TooBusy("x", retry_after=7)).get("/v1.0/thing", headers=JSON)
    assert answer.headers["Retry-After"] == "7"


def test_unknown_paths_and_methods_have_the_same_error_bodies() -> None:
    client = _client(KeyError())
    assert client.get("/nowhere", headers=JSON).get_json()["title"] == "Not Found"
    answer = client.open("/v1.0/thing", method="BREW", headers=JSON)
    assert answer.get_json()["code"] == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    assert "<h1>405 Method Not Allowed</h1>" in client.delete("/v1.0/thing").text


def test_errors_of_the_web_library_are_answered_in_our_bodies() -> None:
    for raised, code in ((RequestEntityTooLarge(), 413), (BadRequestKeyError("x"), 400)):
        answer = _client(raised).get("/v1.0/thing", headers=JSON)
        assert answer.get_json()["code"] == answer.status_code == code


def test_identity_errors_look_like_keystones_whatever_is_accepted() -> None:
    answer = _client(errors.Unauthorized("Wrong password")).get("/v3/thing")
    assert answer.get_json() == {"error": {"code": 401, "title": "Unauthorized", "message": "Wrong password"}}
    assert _client(KeyError()).get("/v3/nothing").get_json()["error"]["code"] == 404
    assert _client(KeyError()).get("/v30").mimetype == "text/html"


def test_unknown_exception_is_logged_whole_and_answered_without_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = _client(RuntimeError("the password is tulip")).get("/v1.0/thing")
    assert answer.status_code == 500
    assert "tulip" not in answer.text
    [record] = caplog.records
    assert record.exc_info
    assert "GET /v1.0/thing" in record.getMessage()


def test_an_expected_error_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        _client(errors.NotFound("x")).get("/v1.0/thing")
    assert not caplog.records


def _sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = code
    return error


class _Postgres(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("driver's text")
        self.sqlstate = sqlstate


def _raised(kind: type[DBAPIError], cause: Any, **options: Any) -> DBAPIError:
    return kind("UPDATE x", {}, cause, **options)


@pytest.mark.parametrize(
    ("error", "busy"),
    [
        (_raised(OperationalError, _sqlite(sqlite3.SQLITE_BUSY)), True),
        (_raised(OperationalError, _sqlite(sqlite3.SQLITE_FULL)), True),
        (_raised(OperationalError, _Postgres("25006")), True),
        (_raised(OperationalError, _Postgres(None), connection_invalidated=True), True),
        (_raised(IntegrityError, _Postgres("23505")), False),
        (OperationalError(None, None, _Postgres(None)), False),
        (LeaseLost(), True),
        (ValueError("database is locked"), False),
    ],
    ids=str,
)
def test_what_may_pass_in_a_while_is_worth_waiting_for(error: Exception, busy: bool) -> None:
    assert is_busy(error) is busy


def test_a_busy_database_is_answered_with_when_to_come_back() -> None:
    answer = _client(_raised(OperationalError, _sqlite(sqlite3.SQLITE_BUSY))).get("/v1.0/thing", headers=JSON)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "UPDATE" not in answer.text


def test_a_server_that_takes_no_connection_is_answered_with_when_to_come_back() -> None:
    """A fault run found it: of "too many clients already" the driver says nothing but the text."""
    answer = _client(OperationalError(None, None, _Postgres(None))).get("/v1.0/thing", headers=JSON)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "driver" not in answer.text


def test_one_line_strips() -> None:
    assert one_line("\n a\n") == "a"
