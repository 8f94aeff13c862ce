"""References in URLs: an id when all digits, else a UUID or a name."""

from __future__ import annotations

from dcapi.errors import NotFound
from dcapi.models.base import LARGEST_ID
from dcapi.models.limits import is_clean
from dcapi.schemas.fields import is_digits, whole_number


def parse_reference(text: str, not_found: str) -> int | str:
    """The id that a reference of digits says, else its text, which is a name or a UUID.

    Raises NotFound with ``not_found`` for what no row can have: an id that is too large, control characters.
    """
    if not is_digits(text):
        if not is_clean(text):
            raise NotFound(not_found)
        return text
    number = whole_number(text)
    if number is None or number > LARGEST_ID:
        raise NotFound(not_found)
    return number
