"""Secrets in a deployment configuration, which is any text; most are a few YAML documents.

The text is read as nodes and not as values: what a reader could not make of it (a date that there is not, a
number for a key, a list that holds itself) must not be in the way, and aliases that would be millions of
values written out are few nodes. Whatever cannot be read holds no secret that is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import yaml

from dcapi.models.secret_values import is_secret, is_secret_key, tellable

# The C loader is ten times faster; without it the pure one does the same.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER = yaml.resolver.Resolver()
_TEXT_TAG = "tag:yaml.org,2002:str"

# Deeper than YAML's readers go; the time that the parser takes grows with the square of it.
MAX_DEPTH = 500
# A longer one is no number, and to make one of it could take long.
LONGEST_NUMBER = 64


@dataclass(eq=False)
class _Node:
    """A text; or a collection, of which ``inner`` are the items, or keys and values by turns."""

    text: str = field(default="", repr=False)
    # Written without quotes and tag, so that a reader may take it for more than a text.
    is_plain: bool = False
    is_mapping: bool = False
    inner: list[_Node] | None = None

    def entries(self) -> Iterator[tuple[_Node | None, _Node]]:
        inner = self.inner or []
        keys = inner[::2] if self.is_mapping else [None] * len(inner)
        return zip(keys, inner[1::2] if self.is_mapping else inner, strict=False)


def config_secrets(text: str) -> set[str]:
    """Every text in the secrets of a configuration, for those who must not say them."""
    found: set[str] = set()
    # Each with whether it is a part of a secret.
    waiting = [(_read(text), False)]
    seen = set(waiting)
    while waiting:
        node, secret = waiting.pop()
        if node.inner is None and (secret or is_secret("", node.text)):
            found.update(_spellings(node))
        following = set(_parts(node, secret)) - seen
        seen |= following
        waiting += following
    return found - {""}


def _parts(node: _Node, secret: bool) -> Iterator[tuple[_Node, bool]]:
    for key, value in node.entries():
        yield value, secret or (key is not None and is_secret_key(key.text))
        if key is not None:
            yield key, False


def _spellings(node: _Node) -> Iterator[str]:
    """A secret as it is written, and as a reader shows it; what is true, false or null is none."""
    value = _value(node)
    if value is not None and not isinstance(value, bool):
        yield from tellable(node.text)
        yield from tellable(str(value))


def _value(node: _Node) -> Any:
    if not node.is_plain or len(node.text) > LONGEST_NUMBER:
        return node.text
    tag = _RESOLVER.resolve(yaml.ScalarNode, node.text, (True, False))
    if tag != _TEXT_TAG:
        with suppress(yaml.YAMLError, ValueError, ArithmeticError):
            return yaml.constructor.SafeConstructor().construct_document(yaml.ScalarNode(tag, node.text))
    return node.text


# -- Reading --


def _read(text: str) -> _Node:
    """The documents of a text as far as they can be read, as the items of one node."""
    reader = _Reader()
    with suppress(yaml.YAMLError, ValueError):
        for event in yaml.parse(text, Loader=_SafeLoader):
            reader.take(event)
            if len(reader.open) > MAX_DEPTH:
                break
    return reader.open[0]


@dataclass
class _Reader:
    """Makes nodes of the parser's events, without the recursion that makes YAML's own reader give up."""

    open: list[_Node] = field(default_factory=lambda: [_Node(inner=[])])
    anchors: dict[str, _Node] = field(default_factory=dict)

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self.anchors = {}
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()
        elif isinstance(event, yaml.AliasEvent):
            self._add(self.anchors.get(event.anchor or "") or _Node())
        elif isinstance(event, yaml.NodeEvent):
            self._take_new(event)

    def _take_new(self, event: yaml.NodeEvent) -> None:
        node = _node_of(event)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self._add(node)
        if node.inner is not None:
            self.open.append(node)

    def _add(self, node: _Node) -> None:
        inner = self.open[-1].inner
        assert inner is not None
        inner.append(node)


def _node_of(event: yaml.NodeEvent) -> _Node:
    if isinstance(event, yaml.ScalarEvent):
        return _Node(event.value, is_plain=event.tag is None and event.implicit[0])
    return _Node(is_mapping=isinstance(event, yaml.MappingStartEvent), inner=[])
