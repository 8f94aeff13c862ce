"""The kinds of fields that requests hold, each with the text that the wire contract gives for a wrong one.

A part of a form that is a file arrives as bytes, everything else as JSON values: no field but those for
files takes bytes, so that a file for a text is as wrong as a list is.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, missing

from dcapi.models.base import LARGEST_ID
from dcapi.models.limits import (
    LARGEST,
    RESERVED,
    TEXT_LENGTH,
    is_clean,
    is_name,
    is_reserved,
    is_subcloud_name,
    on_one_line,
)
from dcapi.models.network_values import parsed_address, undetected

MAX_DIGITS = 20
# The contract's "under 255".
SHORTER_LENGTH = 254

UUID_FORM = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
# RFC 3986, with a host that is a name or an address, and no user, query or fragment.
HTTP_URL_FORM = (
    r"[hH][tT][tT][pP][sS]?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?"
    r"(/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
)
BOOLEAN_WORDS = {"true": True, "false": False}


def whole_number(value: Any) -> int | None:
    """The number that a whole number or a string of ASCII digits says; None for anything else."""
    if isinstance(value, str) and is_digits(value) and len(value) <= MAX_DIGITS:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if abs(value) <= LARGEST else None


def is_digits(text: str) -> bool:
    """Whether a text is a string of ASCII digits: what counts as an id or a number."""
    return text.isascii() and text.isdigit()


def base64_text(text: str) -> str | None:
    """The text that a base64 text stands for; None when it stands for none, or an empty one."""
    try:
        return base64.b64decode(text, validate=True).decode() or None
    except (binascii.Error, ValueError):
        return None


def ip_address_text(value: Any) -> str | None:
    """The canonical form of an IP address; None when it is none."""
    address = parsed_address(value)
    return None if address is None else str(address)


def uuid_text(text: str) -> str | None:
    """The canonical form of a UUID, written with or without hyphens; None when it is none."""
    return str(uuid.UUID(text)) if UUID_FORM.fullmatch(text) else None


def is_http_url(text: str) -> bool:
    """Whether a text is an http or https URL with a host, without user, query or fragment."""
    if not re.fullmatch(HTTP_URL_FORM, text):
        return False
    try:
        _ = urlsplit(text).port  # raises for one that is too high, and for brackets around no address
    except ValueError:
        return False
    return True


class Checked(fields.Field[Any]):
    """A field that answers one text whatever is wrong, also when it is required and missing.

    On PATCH null and the empty string count as not given, unless ``keeps_null`` or ``keeps_empty`` say that
    this field means them.
    """

    def __init__(
        self,
        text: str,
        *,
        required: bool = False,
        default: Any = missing,
        data_key: str | None = None,
        keeps_null: bool = False,
        keeps_empty: bool = False,
        missing_text: str | None = None,
    ) -> None:
        super().__init__(
            required=required, load_default=default, data_key=data_key, allow_none=keeps_null or None
        )
        self.text = text
        self.missing_text = missing_text or text
        self.keeps_null = keeps_null
        self.keeps_empty = keeps_empty

    def make_error(self, key: str, **_kwargs: Any) -> ValidationError:
        return ValidationError(self.missing_text if key == "required" else self.text)

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> Any:
        return self.checked(value)

    def checked(self, value: Any) -> Any:
        """The value in its final form; raises ValidationError."""
        raise NotImplementedError

    def wrong(self) -> ValidationError:
        return ValidationError(self.text)


class Given(Checked):
    """A value that only has to be there."""

    def checked(self, value: Any) -> Any:
        return value


class WholeNumber(Checked):
    """A whole number, as a number or as a string of digits."""

    def __init__(self, text: str, lowest: int, highest: int, **options: Any) -> None:
        super().__init__(text, **options)
        self.lowest = lowest
        self.highest = highest

    def checked(self, value: Any) -> int:
        number = whole_number(value)
        if number is None or not self.lowest <= number <= self.highest:
            raise self.wrong()
        return number


class RowId(WholeNumber):
    """The id of a row, which exists or not."""

    def __init__(self, text: str, **options: Any) -> None:
        super().__init__(text, 0, LARGEST_ID, **options)


class PlainText(Checked):
    """A text without control characters."""

    def __init__(self, text: str, *, longest: int = TEXT_LENGTH, shortest: int = 0, **options: Any) -> None:
        super().__init__(text, **options)
        self.longest = longest
        self.shortest = shortest

    def checked(self, value: Any) -> str:
        if not isinstance(value, str) or not self.shortest <= len(value) <= self.longest:
            raise self.wrong()
        if not is_clean(value):
            raise self.wrong()
        return value


class OneLine(PlainText):
    """A text that may be written on several lines: line breaks become blanks, and the ends are stripped."""

    def checked(self, value: Any) -> str:
        return super().checked(on_one_line(value) if isinstance(value, str) else value)


class Name(Checked):
    """A name by the general rule, and none of the words in ``but_not``, in any case."""

    def __init__(self, text: str, *, but_not: Iterable[str] = (), **options: Any) -> None:
        super().__init__(text, **options)
        self.but_not = frozenset(but_not)

    def checked(self, value: Any) -> str:
        if not isinstance(value, str) or not is_name(value) or value.lower() in self.but_not:
            raise self.wrong()
        return value


class SubcloudName(Checked):
    """A subcloud's name by RFC 1123; with ``foreign`` also any that keeps the general rule."""

    def __init__(
        self, text: str, *, digits_text: str | None = None, foreign: bool = False, **options: Any
    ) -> None:
        super().__init__(text, **options)
        self.digits_text = digits_text or text
        self.foreign = foreign

    def checked(self, value: Any) -> str:
        if not isinstance(value, str):
            raise self.wrong()
        if is_reserved(value):
            raise ValidationError(f"name {RESERVED}")
        if value.isdigit():
            raise ValidationError(self.digits_text)
        if not (is_subcloud_name(value) or (self.foreign and is_name(value))):
            raise self.wrong()
        return value


class Uuid(Checked):
    """A UUID, in its canonical form."""

    def checked(self, value: Any) -> str:
        canonical = uuid_text(value) if isinstance(value, str) else None
        if canonical is None:
            raise self.wrong()
        return canonical


class Choice(Checked):
    """One of a few words."""

    def __init__(self, text: str, words: Iterable[str], **options: Any) -> None:
        super().__init__(text, **options)
        self.words = tuple(str(word) for word in words)

    def checked(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise self.wrong()
        return value


class IpAddress(Checked):
    """An IP address of either version, in its canonical form."""

    def checked(self, value: Any) -> str:
        canonical = ip_address_text(value)
        if canonical is None:
            raise self.no_address(value)
        return canonical

    def no_address(self, value: Any) -> ValidationError:  # noqa: ARG002
        return self.wrong()


class NamedAddress(IpAddress):
    """An IP address of which an error says the name, in the place of a text, and what stands there."""

    def no_address(self, value: Any) -> ValidationError:
        return ValidationError(undetected(self.text, value))


class IpAddresses(Checked):
    """An IP address, or two of different versions with a comma between, in their canonical form."""

    def checked(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > SHORTER_LENGTH:
            raise self.wrong()
        parts = [parsed_address(part.strip()) for part in value.split(",")]
        versions = {part.version for part in parts if part is not None}
        if None in parts or len(versions) < len(parts):
            raise self.wrong()
        return ",".join(map(str, parts))


class Base64Text(Checked):
    """Base64 of a UTF-8 text, as it was sent; ``longest`` is that of the base64 text."""

    def __init__(self, text: str, *, longest: int = SHORTER_LENGTH, **options: Any) -> None:
        super().__init__(text, **options)
        self.longest = longest

    def checked(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > self.longest or base64_text(value) is None:
            raise self.wrong()
        return value


class HttpUrl(Checked):
    """An http or https URL."""

    def checked(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > SHORTER_LENGTH or not is_http_url(value):
            raise self.wrong()
        return value


class Boolean(Checked):
    """True or false, as JSON says it or as a word in any case."""

    def checked(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        if not isinstance(value, str) or value.lower() not in BOOLEAN_WORDS:
            raise self.wrong()
        return BOOLEAN_WORDS[value.lower()]


class FileOrText(Checked):
    """A part of a form that may be a file or a text; its content is judged by who reads it."""

    def checked(self, value: Any) -> bytes | str:
        if not isinstance(value, bytes | str):
            raise self.wrong()
        return value
