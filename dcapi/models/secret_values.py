"""Secrets inside JSON values: taken out for the columns that are shown, put back where they are needed.

A mask stands in the place of each one that is out. It is no value: one that comes back in a request means the
secret that it was shown for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from dcapi.models.limits import CONTROLS
from dcapi.models.secret_table import is_secret_key, is_secret_text, named_secrets, passwords_of_urls

# A path into nested objects and lists, and the secret that stood there.
Secrets = list[list[Any]]

MASK = "******"

# Characters of a value that an error quotes.
LONGEST_SHOWN = 100


class MaskedSecret(Exception):
    """A mask came in under ``key``, and nothing is stored that it could stand for."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def is_secret(key: str, value: Any) -> bool:
    """Whether a value is a secret: by its key, or by what it is itself."""
    if value is None:
        return False
    return is_secret_key(key) or (isinstance(value, str) and is_secret_text(value))


def is_masked(value: Any) -> bool:
    """Whether a value is a mask, of whatever length: sites mask differently."""
    return isinstance(value, str) and value != "" and set(value) == {"*"}


def take_out(value: Any) -> tuple[Any, Secrets]:
    """Split a JSON value into one with masks for its secrets and the list of (path, secret)."""
    secrets: Secrets = []
    return _masked("", value, [], secrets), secrets


def _masked(key: str, value: Any, path: list[Any], secrets: Secrets) -> Any:
    if is_secret(key, value):
        secrets.append([path, value])
        return MASK
    if isinstance(value, dict):
        return {name: _masked(name, inner, [*path, name], secrets) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked("", inner, [*path, index], secrets) for index, inner in enumerate(value)]
    return value


def shown(value: Any) -> str:
    """A wrong value as an error may quote it: on one line, with masks for its secrets, and not too long.

    Of a file nothing is quoted: whoever sends one in the place of another sends its secrets, too.
    """
    if isinstance(value, bytes):
        return "a file"
    masked = take_out(value)[0]
    text = CONTROLS.sub(" ", masked if isinstance(masked, str) else str(masked))
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def secret_texts(value: Any) -> Iterator[str]:
    """Every text in the secrets of a JSON value, for those who must not say them."""
    for _path, secret in take_out(value)[1]:
        yield from _texts(secret)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
    elif value is not None and not isinstance(value, bool):
        yield from tellable(str(value))


def tellable(secret: str) -> Iterator[str]:
    """A secret text, and what is secret in it by itself, escaped as in a URL and not."""
    yield secret
    for part in (*passwords_of_urls(secret), *named_secrets(secret)):
        yield from dict.fromkeys((part, unquote(part)))


def unmasked(value: Any, stored: Any, key: str = "") -> Any:
    """The value with the stored secrets where it has masks: it was read here, and comes back changed.

    ``stored`` holds its secrets. An item of a list is known again by all of its other values, because its
    place may have changed. ``key`` is where the value stands. Raises MaskedSecret when nothing is stored that
    a mask could stand for; asterisks that are no mask of this site are a text where no secret belongs.
    """
    if isinstance(value, dict):
        known = stored if isinstance(stored, dict) else {}
        return {name: _unmasked(name, inner, known.get(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return _unmasked_list(key, value, stored if isinstance(stored, list) else [])
    return value


def _unmasked(key: str, value: Any, stored: Any) -> Any:
    if not is_masked(value):
        return unmasked(value, stored, key)
    if is_secret(key, stored):
        return stored
    # What is a secret by itself is masked under whatever key it stands.
    if is_secret_key(key) or (value == MASK and stored != MASK):
        raise MaskedSecret(key)
    return value


def _unmasked_list(name: str, items: list[Any], stored: list[Any]) -> list[Any]:
    shown = [_as_key(take_out(known)[0]) for known in stored]
    by_shown: dict[str, Any] = {}
    for key, known in zip(shown, stored, strict=True):
        # Two that look alike and differ in their secrets: neither is meant for sure.
        by_shown[key] = known if by_shown.get(key, known) == known else None
    in_place = len(items) == len(stored)
    return [
        _unmasked(name, item, stored[index] if in_place and shown[index] == key else by_shown.get(key))
        for index, (item, key) in enumerate((item, _as_key(item)) for item in items)
    ]


def _as_key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def put_back(value: Any, secrets: Secrets | None) -> Any:
    """The value with its secrets at their places; ``value`` is changed and returned."""
    for path, secret in secrets or []:
        place = value
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = secret
    return value


class SecretJSON:
    """A JSON attribute of a row: text without secrets in ``column``, the secrets in the row's ``secrets``."""

    def __init__(self, column: str) -> None:
        self.column = column

    def write(self, row: Any, value: Any) -> None:
        """Store a value (None clears it)."""
        kept, secrets = (None, []) if value is None else take_out(value)
        setattr(row, self.column, None if value is None else json.dumps(kept, ensure_ascii=False))
        others = {key: held for key, held in (row.secrets or {}).items() if key != self.column}
        row.secrets = {**others, self.column: secrets} if secrets else (others or None)

    def read(self, row: Any) -> Any:
        """The stored value, secrets included; None when there is none."""
        text = getattr(row, self.column)
        return None if text is None else put_back(json.loads(text), (row.secrets or {}).get(self.column))


class SecretText:
    """A text of a row that is secret as a whole, and stands among its ``secrets`` alone."""

    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, row: Any, text: str | None) -> None:
        """Store a text (None clears it)."""
        others = {key: held for key, held in (row.secrets or {}).items() if key != self.name}
        row.secrets = others or None if text is None else {**others, self.name: text}

    def read(self, row: Any) -> str | None:
        """The stored text; None when there is none."""
        text: str | None = (row.secrets or {}).get(self.name)
        return text


rehome_data = SecretJSON("rehome_data")
data_install = SecretJSON("data_install")
deploy_values = SecretJSON("deploy_values")
# A configuration has no form of its own in which its passwords could be told from the rest.
deploy_config = SecretText("deploy_config")
