"""References in URLs."""

from __future__ import annotations

import pytest

from dcapi.errors import NotFound
from dcapi.schemas.references import parse_reference


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("7", 7),
        ("007", 7),
        (str(2**31 - 1), 2**31 - 1),
        ("7a", "7a"),
        ("٣", "٣"),
        ("+7", "+7"),
        ("Ærø", "Ærø"),
    ],
)
def test_a_reference_of_ascii_digits_is_an_id_and_any_other_a_text(text: str, reference: int | str) -> None:
    assert parse_reference(text, "gone") == reference


@pytest.mark.parametrize("text", [str(2**31), str(2**63 - 1), str(2**63), "9" * 5000, "a\x00", "a\n", "\x7f"])
def test_what_no_row_can_be_called_is_not_found(text: str) -> None:
    with pytest.raises(NotFound, match=r"^gone$"):
        parse_reference(text, "gone")
