"""References in URLs: an id when all digits, else a UUID or a name."""

from __future__ import annotations

from dcapi.errors import NotFound
from dcapi.schemas.fields import is_clean, is_digits, whole_number


def parse_reference(text: str, not_found: str) -> int | str:
    """The id that a reference of digits says, else its text, which is a name or a UUID.

    Raises NotFound with ``not_found`` for what no row can have: more than 64 bits, control characters.
    """
    reference = whole_number(text) if is_digits(text) else text
    if reference is None or not is_clean(text):
        raise NotFound(not_found)
    return reference
