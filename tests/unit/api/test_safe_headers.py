"""What keeps browsers and caches from doing with an answer what nobody wants."""

from __future__ import annotations

import pytest
from flask import Flask

from dcapi.api import safe_headers
from dcapi.api.safe_headers import HTTPS_ONLY, PAGE_HEADERS, keep_out_of_caches
from dcapi.api.safe_headers import safe_headers as added

PAGE = ("Content-Type", "text/html; charset=utf-8")
JSON = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    ("headers", "scheme", "expected"),
    [
        ([PAGE], "http", [*PAGE_HEADERS]),
        ([PAGE], "https", [*PAGE_HEADERS, HTTPS_ONLY]),
        ([JSON], "http", []),
        ([JSON], "https", [HTTPS_ONLY]),
        ([], "http", []),
    ],
)
def test_a_page_may_load_nothing_and_https_stays_https(
    headers: list[tuple[str, str]], scheme: str, expected: list[tuple[str, str]]
) -> None:
    assert added(headers, scheme) == expected


def test_a_page_that_says_what_it_loads_is_left_to_it() -> None:
    own = ("content-security-policy", "default-src 'self'")
    assert added([PAGE, own], "http") == [PAGE_HEADERS[0]]


def _app() -> Flask:
    app = Flask("pages")

    @app.get("/page")
    def show_page() -> str:
        return "<html></html>"

    @app.get("/secret")
    def show_secret() -> dict[str, str]:
        keep_out_of_caches()
        return {"password": "tulip"}

    safe_headers.register(app)
    return app


def test_each_page_gets_them_once() -> None:
    answer = _app().test_client().get("/page")
    for name, value in PAGE_HEADERS:
        assert answer.headers.getlist(name) == [value]


def test_https_is_told_by_what_the_client_has_used() -> None:
    answer = _app().test_client().get("/page", base_url="https://site")
    assert answer.headers[HTTPS_ONLY[0]] == HTTPS_ONLY[1]


def test_nobody_keeps_an_answer_with_a_secret() -> None:
    client = _app().test_client()
    assert client.get("/secret").headers["Cache-Control"] == "no-store"
    assert "Cache-Control" not in client.get("/page").headers
