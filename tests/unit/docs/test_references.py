"""What the documents point to is there: files, names in them, links, commands, settings."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from config.default import Settings
from tests.unit.docs.pages import DOCS, PAGES, ROOT, anchors, prose, read

# A path of this project in code letters, and the names in the file that the text gives after it.
PATH = re.compile(r"`((?:dcapi|config|docs|tests)/[\w./-]*|[\w.-]+\.(?:py|toml|txt))`")
NAMES = re.compile(r"`([\w./-]+\.py)`(?:, | \()((?:`\w+`(?:, )?)+)")
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([\w-]+))?\)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


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
    there = {field.name for field in dataclasses.fields(Settings)}
    named = set(re.findall(r"\bDCAPI_([A-Z_]+[A-Z])\b", read(page)))

    assert named <= there


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {target for target, _ in LINK.findall(prose(ROOT / "README.md"))}

    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} <= linked


def test_every_package_has_its_floor_in_the_architecture() -> None:
    floors = read(DOCS / "architecture.md").split("\n## ")[1]
    packages = {f"dcapi/{path.parent.name}/" for path in (ROOT / "dcapi").glob("*/__init__.py")}
    modules = {f"dcapi/{path.name}" for path in (ROOT / "dcapi").glob("*.py")}

    assert floors.startswith("The floors")
    assert {one for one in packages | modules if f"`{one}`" not in floors} == set()
