"""The page about the API shows all of it, and loads nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dcapi.api.description.document import routes_of
from tests.conftest import make_site

LOADING = {"src", "srcset", "data", "poster", "action", "background"}
VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """What a page links to and loads, its ids, and whether its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href":
                (self.loaded if tag == "link" else self.links).append(value or "")
            elif name in LOADING or name == "style" or name.startswith("on"):
                self.loaded.append(f"{name}={value}")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def site(prepared_instance: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with make_site(prepared_instance, tmp_path_factory.mktemp("page")) as app:
        yield app


@pytest.fixture
def visitor(site: Flask) -> FlaskClient:
    return site.test_client()


def test_the_page_shows_every_call(site: Flask, visitor: FlaskClient) -> None:
    answer = visitor.get("/docs")
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    ids = Page(answer.text).ids
    assert {route.operation_id for route in routes_of(site)} <= set(ids)
    assert len(ids) == len(set(ids))


def test_the_page_is_well_formed_and_its_links_lead_somewhere(visitor: FlaskClient) -> None:
    page = Page(visitor.get("/docs").text)
    assert page.open == []
    inside = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids)
    for link in page.links:
        if not link.startswith("#"):
            assert visitor.get(link).status_code == 200


def test_the_page_loads_its_style_and_nothing_else(visitor: FlaskClient) -> None:
    answer = visitor.get("/docs")
    page = Page(answer.text)
    assert page.loaded == ["/docs/style.css"]
    assert page.tags.isdisjoint({"script", "style", "iframe", "img", "object", "form"})
    style = visitor.get("/docs/style.css")
    assert style.status_code == 200
    assert style.mimetype == "text/css"
    assert not re.search(r"url\(|@import|//", style.text)


def test_a_browser_is_told_to_load_nothing_from_elsewhere(visitor: FlaskClient) -> None:
    policy = visitor.get("/docs").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "unsafe" not in policy


def test_the_page_and_the_document_have_slashes_at_their_ends_too(visitor: FlaskClient) -> None:
    for path in ("/docs/", "/v1.0/openapi.json/"):
        assert visitor.get(path).status_code == 200
