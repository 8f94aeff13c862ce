"""What the documents point to is there: files, names in them, links, commands, settings."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from dcapi.settings import PREFIX, Settings
from tests.postgres import URL_VARIABLE
from tests.unit.docs.pages import DOCS, FENCE, PAGES, ROOT, anchors, prose, read, section

# A path of this project in code letters, and the names in the file that the text gives after it.
PATH = re.compile(r"`((?:dcapi|config|docs|tests)/[\w./-]*|[\w.-]+\.(?:py|toml|txt))`")
NAMES = re.compile(r"`([\w./-]+\.py)`(?:,\s+|\s+\()((?:`\w+`(?:,\s+)?)+)")
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([\w-]+))?\)")

# The first cell of a row below the head of a table, and the other cells.
ROW = re.compile(r"^\| (?!---)([^|]+) \| (.+) \|$", re.MULTILINE)

ARCHITECTURE = DOCS / "architecture.md"
# What people want to change, and the least that the page has to say about it.
CHANGES = {
    "a field in an answer": "dcapi/api/description/",
    "when an association fails": "dcapi/sync/",
    "a resource with create, read, update, delete": "dcapi/schemas/",
    "a deployer": "dcapi/deploy/",
    "a heartbeat policy": "dcapi/sync/watch/",
    "a kind of work in steps": "dcapi/tasks/",
    "a metric": "dcapi/jobs/",
    "a rule of comparison": "dcapi/sync/values/",
}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


@each_page
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    missing = [path for path in PATH.findall(prose(page)) if not (ROOT / path).exists()]

    assert not missing


@each_page
def test_the_names_that_a_page_gives_are_in_their_files(page: Path) -> None:
    missing = [
        f"{name} in {path}"
        for path, names in NAMES.findall(prose(page))
        for name in re.findall(r"\w+", names)
        if not re.search(rf"\b{name}\b", (ROOT / path).read_text())
    ]

    assert not missing


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(prose(page)):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


@each_page
def test_the_make_targets_that_a_page_names_are_there(page: Path) -> None:
    there = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^(?:DCAPI_.*)?make ([a-z]+)|`make ([a-z]+)", read(page), re.MULTILINE))

    assert {first or second for first, second in named} <= there


@each_page
def test_the_settings_that_a_page_names_are_there(page: Path) -> None:
    there = {field.name for field in dataclasses.fields(Settings)} | {URL_VARIABLE.removeprefix(PREFIX)}
    named = set(re.findall(r"\bDCAPI_([A-Z_]+[A-Z])\b", read(page)))

    assert named <= there


def test_every_page_is_linked_from_the_readme_or_the_architecture() -> None:
    linked = {
        (page.parent / target).resolve()
        for page in (ROOT / "README.md", ARCHITECTURE)
        for target, _ in LINK.findall(prose(page))
        if target
    }

    assert [page for page in PAGES if page not in {*linked, ROOT / "README.md"}] == []


def test_every_package_has_its_floor_in_the_architecture() -> None:
    floors = section(ARCHITECTURE, "The rooms")
    packages = {f"dcapi/{path.parent.name}/" for path in (ROOT / "dcapi").glob("*/__init__.py")}
    modules = {f"dcapi/{path.name}" for path in (ROOT / "dcapi").glob("*.py")}

    assert {one for one in packages | modules if f"`{one}`" not in floors} == set()


def test_every_room_is_in_the_picture_and_every_room_of_it_is_there() -> None:
    (picture,) = FENCE.findall(section(ARCHITECTURE, "The rooms"))
    rooms = {
        path.parent.name for path in (ROOT / "dcapi").rglob("__init__.py") if path.parent.name != "dcapi"
    }
    big = {path.parent.name for path in (ROOT / "dcapi").glob("*/__init__.py")}
    inside_sync = {path.parent.name for path in (ROOT / "dcapi" / "sync").glob("*/__init__.py")}
    drawn = set(re.findall(r"\b([a-z]+)/", picture.replace("<br/>", " ")))

    assert drawn >= big | inside_sync
    assert drawn <= rooms


def test_the_table_of_changes_names_files_for_each() -> None:
    rows = dict(ROW.findall(section(ARCHITECTURE, "Where to change what")))

    assert {change for change, least in CHANGES.items() if f"`{least}" not in rows.get(change, "")} == set()
