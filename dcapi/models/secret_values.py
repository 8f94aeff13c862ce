"""Passwords inside JSON values: taken out for the columns that are shown, put back where they are needed."""

from __future__ import annotations

import json
from typing import Any

# A path into nested objects and lists, and the secret that stood there.
Secrets = list[list[Any]]


def is_secret_key(key: str) -> bool:
    """Keys that end in ``password`` hold secrets, however deep they stand."""
    return key.lower().endswith("password")


def take_out(value: Any) -> tuple[Any, Secrets]:
    """Split a JSON value into one without secrets and the list of (path, secret)."""
    secrets: Secrets = []
    return _without(value, [], secrets), secrets


def _without(value: Any, path: list[Any], secrets: Secrets) -> Any:
    if isinstance(value, dict):
        kept = {}
        for key, inner in value.items():
            if is_secret_key(key):
                secrets.append([[*path, key], inner])
            else:
                kept[key] = _without(inner, [*path, key], secrets)
        return kept
    if isinstance(value, list):
        return [_without(inner, [*path, index], secrets) for index, inner in enumerate(value)]
    return value


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


rehome_data = SecretJSON("rehome_data")
data_install = SecretJSON("data_install")
deploy_values = SecretJSON("deploy_values")
