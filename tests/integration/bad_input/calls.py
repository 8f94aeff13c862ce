"""Requests as bytes, so that they can be as wrong as bytes can be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BOUNDARY = "tide"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
JSON_TYPE = "application/json"
PEER_AGENT = "dcmanager/1.0"

# A field's value as it stands in JSON: what json.dumps would not write can be written, too.
Literals = Mapping[str, str]


@dataclass(frozen=True)
class Request:
    """One call below /v1.0; ``peer``: it says that it comes from another site."""

    method: str
    path: str
    body: bytes = b""
    content_type: str | None = None
    peer: bool = False


@dataclass(frozen=True)
class Case:
    """A malformed request with the answer that it must get, and a twin that is accepted.

    ``route`` is the rule as the application routes it. ``text`` stands in the answer.
    """

    route: str
    name: str
    bad: Request
    twin: Request
    code: int = 400
    text: str = ""


@dataclass(frozen=True)
class File:
    """A part of a form that is a file."""

    content: bytes


Parts = Mapping[str, str | bytes | File]


def json_bytes(fields: Literals) -> bytes:
    """A JSON object of literals."""
    return ("{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in fields.items()) + "}").encode()


def literals(values: Mapping[str, Any]) -> dict[str, str]:
    """Well-formed values as they stand in JSON."""
    return {key: json.dumps(value) for key, value in values.items()}


def form_bytes(*groups: Parts, end: bytes = f"--{BOUNDARY}--\r\n".encode()) -> bytes:
    """A multipart body; parts of one name that stand in several groups stand there several times."""
    return b"".join(_part(name, value) for parts in groups for name, value in parts.items()) + end


def raw_part(disposition: str, content: bytes) -> bytes:
    """One part whose header may be anything."""
    return f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode() + content + b"\r\n"


def _part(name: str, value: str | bytes | File) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if isinstance(value, File):
        return raw_part(f'{disposition}; filename="{name}.yaml"', value.content)
    return raw_part(disposition, value.encode() if isinstance(value, str) else value)


def yaml_file(values: Mapping[str, Any]) -> File:
    """A YAML document as a file; JSON is YAML."""
    return File(json.dumps(values).encode())
