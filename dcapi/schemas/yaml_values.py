"""YAML documents in requests, read so that they end up as nothing but JSON values.

Booleans, numbers and merge keys follow YAML 1.1, as Ansible reads these files: ``yes`` and ``on`` are true.
Where a text belongs the caller says so: what is written there is taken as it is written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import yaml

from dcapi.errors import BadRequest
from dcapi.models.limits import FORBIDDEN, LARGEST, LINE_BREAK, MAX_DEPTH, MAX_NODES

MAX_NUMBER_LENGTH = 64

# The C loader is ten times faster; without it the pure one does the same.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

QUOTED = re.compile("'.*'|\".*\"", re.DOTALL)
# What the library quotes of its own: marks of YAML, and its names for the parts of a document.
OWN_QUOTED = re.compile(r"'(?:<[a-z ]+>|[]\[{}:,!>?\- ])'")

# A key whose colon has no blank after it: it is no key to YAML, but a text that goes on in the next line.
WITHOUT_BLANK = re.compile(r"\s*[\w.-]+(:)\S")
EMPTY_LINE = re.compile(r"\s*(#.*)?")
# What the library says of the first line after such a text.
AFTER_A_TEXT = re.compile("mapping values are not allowed|.*<document start>")
# What began where the fault is, and found out about it later.
BEGAN_WRONG = frozenset({"while scanning a simple key", "while scanning a quoted scalar"})

_TAG = "tag:yaml.org,2002:"
# What is taken for something else than a text because of what it looks like.
LOOKING_OTHERWISE = frozenset(_TAG + kind for kind in ("int", "float", "bool", "timestamp"))
# What YAML knows and JSON does not.
REFUSED_TAGS = {
    "timestamp": "a date (put it in quotes)",
    "set": "a set",
    "omap": "an ordered map",
    "pairs": "a list of pairs",
    "binary": "binary data",
}


class Place(NamedTuple):
    """A place in a document, counted from 0."""

    line: int
    column: int


class Unfit(yaml.MarkedYAMLError):
    """The document is YAML, and holds something that is not taken; ``at`` is an event or a node."""

    def __init__(self, problem: str, at: Any) -> None:
        super().__init__(problem=problem, problem_mark=at.start_mark)


def load_yaml(
    source: bytes | str, what: str, *, max_length: int, texts: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The mapping that a YAML document holds.

    ``what`` names the document in errors; ``max_length`` is in bytes; ``texts`` are keys of the mapping whose
    values are texts, as they were written. Raises BadRequest that says what is wrong and where. Nothing is
    expanded before depth, nodes and repeated aliases are known to be few.
    """
    text = _decoded(source, what, max_length)
    try:
        _check_size(yaml.parse(text, Loader=_SafeLoader), limit=2 * max_length)
        # A safe loader with less in it.
        value = yaml.load(text, Loader=partial(_ValuesLoader, texts=texts))  # type: ignore[arg-type]  # noqa: S506
    except yaml.MarkedYAMLError as error:
        raise BadRequest(f"Invalid {what}: {_described(error, text)}") from error
    except yaml.YAMLError as error:
        raise BadRequest(f"Invalid {what}: not YAML") from error
    if not isinstance(value, dict):
        hint = _hint(_missing_blank(text)) if isinstance(value, str) else ""
        raise BadRequest(f"Invalid {what}: must be a mapping of keys to values{hint}")
    return value


def _decoded(source: bytes | str, what: str, max_length: int) -> str:
    try:
        content = source.encode() if isinstance(source, str) else source
        if len(content) > max_length:
            raise BadRequest(f"Invalid {what}: larger than {max_length} bytes")
        return content.decode("utf-8-sig")
    except UnicodeError as error:
        raise BadRequest(f"Invalid {what}: not UTF-8 text") from error


def _described(error: yaml.MarkedYAMLError, document: str) -> str:
    """What is wrong and where: where the fault is, which may be above the line in which it was found."""
    problem = error.problem or error.context or "not YAML"
    if isinstance(error, Unfit):
        return problem + _where(error.problem_mark)
    began_wrong = error.context in BEGAN_WRONG and error.context_mark is not None
    mark = error.context_mark if began_wrong else error.problem_mark or error.context_mark
    if mark is not None and AFTER_A_TEXT.match(problem):
        missing = _missing_blank(document, mark.line)
        if missing is not None:
            return _without_values(problem) + _hint(missing)
    return _without_values(problem) + _where(mark)


def _without_values(problem: str) -> str:
    """What the library says, without what it may quote of the document, which holds secrets."""
    return QUOTED.sub("…", problem) if QUOTED.search(OWN_QUOTED.sub("", problem)) else problem


def _where(place: Any) -> str:
    """The line and column of a place, in words; nothing for no place."""
    return "" if place is None else f" (line {place.line + 1}, column {place.column + 1})"


def _hint(missing: Place | None) -> str:
    return "" if missing is None else f": a blank is missing after ':'{_where(missing)}"


def _missing_blank(document: str, end: int | None = None) -> Place | None:
    """Where the first blank after a colon is missing in the lines right above ``end``, or the last ones."""
    found = None
    lines = LINE_BREAK.split(document, maxsplit=end or 0)[:end]
    for number in range(len(lines) - 1, -1, -1):
        key = WITHOUT_BLANK.match(lines[number])
        if key is not None:
            found = Place(number, key.start(1))
        elif not EMPTY_LINE.fullmatch(lines[number]):
            break
    return found


def _check_size(events: Iterable[yaml.Event], limit: int) -> None:
    """Refuse what is too deep, too long, or would be with its aliases written out; raises Unfit.

    ``limit`` bounds the nodes and characters of the written-out document.
    """
    sizes = _Sizes(limit)
    for count, event in enumerate(events):
        if count > 2 * MAX_NODES:
            raise Unfit("too many values", event)
        sizes.take(event)


@dataclass
class _Size:
    """What a node is with its aliases written out: characters and nodes, and levels of nesting."""

    weight: int
    height: int
    anchor: str | None = None


class _Sizes:
    """The sizes of the open collections of a document, and of what its anchors stand for."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.anchors: dict[str, _Size | None] = {}  # None: still open
        self.open = [_Size(0, 0)]  # the first entry is the document

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._add(event, self.open.pop())
        elif isinstance(event, yaml.ScalarEvent):
            self._add(event, _Size(1 + len(event.value), 0, event.anchor))
        elif isinstance(event, yaml.AliasEvent):
            self._add(event, self._meant_by(event))

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        if len(self.open) > MAX_DEPTH:
            raise Unfit("nested too deep", event)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.open.append(_Size(1, 0, event.anchor))

    def _add(self, event: yaml.Event, size: _Size) -> None:
        if size.anchor is not None:
            self.anchors[size.anchor] = size
        holder = self.open[-1]
        holder.weight += size.weight
        holder.height = max(holder.height, size.height + 1)
        if holder.weight > self.limit:
            raise Unfit("its aliases would make it too large", event)
        if len(self.open) + size.height > MAX_DEPTH + 1:
            raise Unfit("its aliases would nest it too deep", event)

    def _meant_by(self, event: yaml.AliasEvent) -> _Size:
        # What is not anchored at all is refused when the document is composed.
        size = self.anchors.get(event.anchor or "", _Size(0, 0))
        if size is None:
            raise Unfit("an alias inside the value it stands for", event)
        return size


class _ValuesLoader(_SafeLoader):
    """The safe loader, cut down to what JSON has words for.

    ``texts`` are keys of the document's mapping under which texts stand, whatever they look like.
    """

    def __init__(self, stream: str, texts: frozenset[str]) -> None:
        super().__init__(stream)
        self.texts = texts
        self.document: yaml.Node | None = None

    def construct_document(self, node: yaml.Node) -> Any:
        self.document = node
        return super().construct_document(node)

    def as_written(self, holder: yaml.Node, key: yaml.Node, value: yaml.Node) -> yaml.Node:
        """The node of a value, made one of a text where a text belongs; an alias of it stays what it is."""
        belongs = holder is self.document and key.value in self.texts
        if not (belongs and value.tag in LOOKING_OTHERWISE and isinstance(value, yaml.ScalarNode)):
            return value
        return yaml.ScalarNode(_TAG + "str", value.value, value.start_mark, value.end_mark)

    def values_map(self, node: yaml.Node) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise Unfit("not a mapping", node)
        _check_keys(node)
        self.flatten_mapping(node)
        for key, _value in node.value:  # those that were merged in, too
            _check_key(key)
        written = ((key.value, self.as_written(node, key, value)) for key, value in node.value)
        return {key: self.construct_object(value, deep=True) for key, value in written}

    def values_sequence(self, node: yaml.Node) -> list[Any]:
        if not isinstance(node, yaml.SequenceNode):
            raise Unfit("not a list", node)
        return [self.construct_object(item, deep=True) for item in node.value]

    def values_text(self, node: yaml.Node) -> str:
        return _checked_text(self.construct_scalar(node), node)

    def values_number(self, node: yaml.Node) -> int | float:
        if len(node.value) > MAX_NUMBER_LENGTH:
            raise Unfit("a number that is too long", node)
        read = self.construct_yaml_int if node.tag.endswith("int") else self.construct_yaml_float
        number: int | float = _converted(read, node)
        if not (math.isfinite(number) and (isinstance(number, float) or -LARGEST <= number <= LARGEST)):
            raise Unfit("a number that is too large, or not a number", node)
        return number

    def values_boolean(self, node: yaml.Node) -> bool:
        value: bool = _converted(self.construct_yaml_bool, node)
        return value

    def values_null(self, node: yaml.Node) -> None:
        self.construct_scalar(node)

    def refuse(self, node: yaml.Node) -> None:
        kind = REFUSED_TAGS.get(node.tag.removeprefix(_TAG), "a value with a tag")
        raise Unfit(f"holds {kind}", node)


def _check_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _value in node.value:
        if key.tag == _TAG + "merge":
            continue
        _check_key(key)
        if key.value in seen:
            raise Unfit(f"the key {key.value[:60]!r} occurs twice", key)
        seen.add(key.value)


def _check_key(key: yaml.Node) -> None:
    if key.tag not in {_TAG + "str", _TAG + "value"} or not isinstance(key, yaml.ScalarNode):
        raise Unfit("a key that is no text (put it in quotes)", key)
    _checked_text(key.value, key)


def _checked_text(text: str, node: yaml.Node) -> str:
    if FORBIDDEN.search(text):
        raise Unfit("a text with control characters", node)
    return text


def _converted(read: Any, node: yaml.Node) -> Any:
    try:
        return read(node)
    except (ValueError, LookupError, OverflowError) as error:
        raise Unfit("a value that does not fit its type", node) from error


def _constructors() -> Iterator[tuple[str | None, Any]]:
    yield _TAG + "map", _ValuesLoader.values_map
    yield _TAG + "seq", _ValuesLoader.values_sequence
    yield _TAG + "str", _ValuesLoader.values_text
    # A plain "=" has a tag of its own in YAML 1.1; it is meant as a text.
    yield _TAG + "value", _ValuesLoader.values_text
    yield _TAG + "int", _ValuesLoader.values_number
    yield _TAG + "float", _ValuesLoader.values_number
    yield _TAG + "bool", _ValuesLoader.values_boolean
    yield _TAG + "null", _ValuesLoader.values_null
    for name in REFUSED_TAGS:
        yield _TAG + name, _ValuesLoader.refuse
    yield None, _ValuesLoader.refuse


for _tag, _constructor in _constructors():
    _ValuesLoader.add_constructor(_tag, _constructor)
