"""What may be stored of the values of a subcloud, whether an operator brings them or a peer."""

from __future__ import annotations

import math
import re
from typing import Any

from config.default import Settings

TEXT_LENGTH = 255
RELEASE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# Deeper than any values file; shallow enough for the recursion of composing and of writing JSON.
MAX_DEPTH = 40
# Nodes of a document: far above any values file, and read in well under a second.
MAX_NODES = 50_000
# Beyond 64 bits neither the databases nor the JSON writer go.
LARGEST = 2**63 - 1
# Line breaks and tabs belong into certificates and scripts; other controls nowhere.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


def is_clean(text: str) -> bool:
    """Whether a text holds no control character, NUL or half of a surrogate pair."""
    return CONTROLS.search(text) is None


def is_storable(value: Any, *, max_length: int = Settings.MAX_YAML_LENGTH) -> bool:
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
