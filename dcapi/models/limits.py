"""What may be stored of the values of a subcloud, whether an operator brings them or a peer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

TEXT_LENGTH = 255
RELEASE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
# Turn the direction of what follows, so that a reader sees another text than a program: embeddings,
# overrides and isolates of Unicode's bidirectional algorithm. Inside of brackets in a pattern.
DIRECTIONS = "\u202a-\u202e\u2066-\u2069"
CONTROLS = re.compile(f"[\x00-\x1f\x7f-\x9f{DIRECTIONS}\ud800-\udfff]")

NAME_LENGTH = 255
NOT_IN_NAMES = frozenset(".*+?|()[]{}^$/")
# Labels of RFC 1123, joined by dots.
SUBCLOUD_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
SUBCLOUD_NAME_RULE = "must be lower case letters, digits and hyphens, in segments joined by dots"
# The regions of a site itself: no subcloud is named so, and no region of one.
SITE_REGIONS = ("RegionOne", "SystemController")
RESERVED = f"cannot be {' or '.join(SITE_REGIONS)}"

# Fields of a subcloud, and keys of its values, that are texts whatever they look like: YAML takes 0715 for a
# number. Source: "Subclouds" in the wire contract.
TEXT_KEYS = frozenset(
    {
        "name",
        "description",
        "location",
        "region_name",
        "release",
        "software_version",
        "admin_password",
        "bmc_username",
        "bootstrap_interface",
    }
)
# Those of them that may be written on several lines, and stand on one.
ONE_LINE_KEYS = frozenset({"description", "location"})
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")

# Deeper than any values file; shallow enough for the recursion of composing and of writing JSON.
MAX_DEPTH = 40
# Nodes of a document: far above any values file, and read in well under a second.
MAX_NODES = 50_000
# Beyond 64 bits neither the databases nor the JSON writer go.
LARGEST = 2**63 - 1
# Bytes, as JSON, of all values of one subcloud: bootstrap and install values and its configuration.
LARGEST_VALUES = 2 * 1024 * 1024
REGION_OF_DIGITS = re.compile(r"[0-9]{32}")
# Line breaks and tabs belong into certificates and scripts; other controls nowhere.
FORBIDDEN = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f{DIRECTIONS}\ud800-\udfff]")


def is_clean(text: str) -> bool:
    """Whether a text holds no control character, NUL, direction control or half of a surrogate pair."""
    return CONTROLS.search(text) is None


def is_name(text: str) -> bool:
    """Whether a text keeps the general rule for names."""
    return (
        text.strip() != ""
        and len(text) <= NAME_LENGTH
        and not text.isdigit()
        and is_clean(text)
        and NOT_IN_NAMES.isdisjoint(text)
    )


def is_subcloud_name(text: str) -> bool:
    """Whether a text is a name for a subcloud by RFC 1123, and not of digits only."""
    return len(text) <= NAME_LENGTH and bool(SUBCLOUD_NAME.fullmatch(text)) and not text.isdigit()


def is_reserved(text: str) -> bool:
    """Whether a text names a region of a site itself, in any case of letters."""
    return text.lower() in {name.lower() for name in SITE_REGIONS}


def is_region_name(text: str) -> bool:
    """Whether a text may be the region name of a subcloud, also of one that another site named."""
    named = is_name(text) or is_subcloud_name(text) or REGION_OF_DIGITS.fullmatch(text) is not None
    return named and not is_reserved(text)


def on_one_line(text: str) -> str:
    """The text with blanks for its line breaks, and without blanks at its ends."""
    return LINE_BREAK.sub(" ", text).strip(" \t")


def with_texts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a subcloud with texts under the keys that are texts.

    Sites that took such a value for a number or a boolean have stored it so, and may show it so.
    """
    return {key: _as_text(key, value) if key in TEXT_KEYS else value for key, value in values.items()}


def _as_text(key: str, value: Any) -> Any:
    text = json.dumps(value) if isinstance(value, int | float) else value
    return on_one_line(text) if key in ONE_LINE_KEYS and isinstance(text, str) else text


def size_of(*values: Any) -> int:
    """Bytes that JSON values take together when they are stored."""
    return sum(len(json.dumps(value, ensure_ascii=False).encode()) for value in values)


def is_storable(value: Any, *, max_length: int) -> bool:
    """Whether a JSON value keeps the limits of an uploaded one; ``max_length`` bounds its texts together."""
    nodes = length = 0
    left = [(value, 0)]
    while left:
        one, depth = left.pop()
        if isinstance(one, dict | list):
            inner = [*one, *one.values()] if isinstance(one, dict) else one
            left += [(item, depth + 1) for item in inner]
            depth += 1
        nodes += 1
        length += len(one) if isinstance(one, str) else 0
        if depth > MAX_DEPTH or nodes > 2 * MAX_NODES or length > max_length or not _is_value(one):
            return False
    return True


def _is_value(one: Any) -> bool:
    """Whether a value is none that JSON has no word for, or a database no place."""
    if isinstance(one, str):
        return FORBIDDEN.search(one) is None
    if isinstance(one, float):
        return math.isfinite(one)
    return not isinstance(one, int) or -LARGEST <= one <= LARGEST
