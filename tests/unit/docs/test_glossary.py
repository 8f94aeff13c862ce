"""Each word of the glossary is used, and where its line says."""

from __future__ import annotations

import re

import pytest

from tests.unit.docs.pages import DOCS, ROOT, read

ROW = re.compile(
    r"^\| (?P<word>[a-z ]+) \| (?P<meaning>.+) \| `(?P<path>dcapi/[\w./]+)` \((?:`\w+`(?:, )?)+\) \|$"
)

LINES = [line for line in read(DOCS / "glossary.md").splitlines() if line.startswith("| ")][2:]
FOUND = [ROW.match(line) for line in LINES]
WORDS = [(row["word"], row["path"]) for row in FOUND if row]


def forms(word: str) -> re.Pattern[str]:
    """The word as prose, names and constants write it, with whatever ending."""
    stem = word.removesuffix("e").replace(" ", "[ _]?")
    capital = "".join(part.capitalize() for part in word.removesuffix("e").split())
    return re.compile(rf"(?<![A-Za-z]){stem}|{capital}|(?<![A-Z]){stem.upper()}")


def test_each_line_has_a_word_a_meaning_and_a_place_in_the_code() -> None:
    assert [line for line, row in zip(LINES, FOUND, strict=True) if row is None] == []
    assert len(WORDS) > 40


def test_words_are_in_order_and_stand_once() -> None:
    words = [word for word, _ in WORDS]

    assert words == sorted(set(words))


@pytest.mark.parametrize(("word", "path"), WORDS, ids=[word for word, _ in WORDS])
def test_a_word_is_used_in_the_file_that_its_line_names(word: str, path: str) -> None:
    file = ROOT / path

    assert forms(word).search(f"{file.name}\n{file.read_text()}")
