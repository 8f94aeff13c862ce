"""Every pinned dependency has its reason, and every reason its dependency."""

from __future__ import annotations

import re

import pytest

from tests.unit.docs.pages import DOCS, ROOT, read

REQUIREMENTS = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-postgres.txt",
    "requirements-keystone.txt",
    "requirements-ansible.txt",
)
PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[\w,]+\])?==\S+")


def pinned(file: str) -> set[str]:
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    wanted = [line for line in lines if line and not line.startswith("-r ")]
    matches = [PINNED.fullmatch(line) for line in wanted]
    assert all(matches), f"{file}: {[line for line, match in zip(wanted, matches, strict=True) if not match]}"
    return {match["name"] for match in matches if match}


def explained(file: str) -> dict[str, str]:
    """Package → reason, from the section of the page that names this file."""
    sections = re.split(r"^## ", read(DOCS / "dependencies.md"), flags=re.MULTILINE)
    (section,) = [section for section in sections if section.splitlines()[0].endswith(f": {file}")]
    rows = re.findall(r"^\| ([\w.-]+) \| (.*) \|$", section, re.MULTILINE)
    return {name: reason for name, reason in rows if name not in ("package", "---")}


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_each_requirement_is_pinned_and_explained(file: str) -> None:
    reasons = explained(file)

    assert set(reasons) == pinned(file)
    assert all(len(reason) > 10 for reason in reasons.values())


def test_no_requirements_file_is_left_out() -> None:
    assert {path.name for path in ROOT.glob("requirements*.txt")} == set(REQUIREMENTS)
