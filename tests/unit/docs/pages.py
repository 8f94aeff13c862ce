"""The pages of the documentation, and what stands in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"

PAGES = (
    *(ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING")),
    *sorted(DOCS.rglob("*.md")),
)

FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")


def read(page: Path) -> str:
    return page.read_text()


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return FENCE.sub("", read(page))


def section(page: Path, title: str) -> str:
    """The text below a heading of the second level."""
    found = [text for text in read(page).split("\n## ") if text.startswith(f"{title}\n")]
    assert len(found) == 1, f"{page.name} has not one section {title}"
    return found[0]


def anchors(page: Path) -> set[str]:
    """What a link to a heading of this page ends in."""
    return {
        NOT_IN_ANCHOR.sub("", heading.lower()).replace(" ", "-") for heading in HEADING.findall(prose(page))
    }
