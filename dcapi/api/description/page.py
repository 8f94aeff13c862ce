"""What the page about the API shows of the document, in the words that a template needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

REFERENCE_PREFIX = "#/components/schemas/"


@dataclass(frozen=True)
class Kind:
    """What a value is: words, and components by name, which the page links to."""

    text: str
    component: str = ""


@dataclass(frozen=True)
class Row:
    """A line of a table of parameters or properties."""

    name: str
    kinds: tuple[Kind, ...]
    required: bool
    where: str = ""
    description: str = ""


@dataclass(frozen=True)
class Call:
    """One operation."""

    method: str
    path: str
    operation: dict[str, Any]
    parameters: tuple[Row, ...]

    @property
    def anchor(self) -> str:
        return str(self.operation["operationId"])

    @property
    def rights(self) -> str:
        """Who may call it."""
        if self.operation.get("security") == []:
            return "everyone"
        return " or ".join(self.operation.get("x-dcapi-rule", ["every valid token"]))


def calls_by_tag(document: dict[str, Any]) -> dict[str, list[Call]]:
    """Tag → its calls, in the order of the document."""
    found: dict[str, list[Call]] = {tag["name"]: [] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parameters = tuple(_parameter(document, one) for one in operation.get("parameters", []))
            found[operation["tags"][0]].append(Call(method.upper(), path, operation, parameters))
    return found


def _parameter(document: dict[str, Any], parameter: dict[str, Any]) -> Row:
    whole = _resolved(document, parameter)
    return Row(
        name=whole["name"],
        kinds=kinds(whole["schema"]),
        required=whole.get("required", False),
        where=whole["in"],
        description=whole.get("description", ""),
    )


def _resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found: Any = document
    for key in value["$ref"].removeprefix("#/").split("/"):
        found = found[key]
    resolved: dict[str, Any] = found
    return resolved


def rows(schema: dict[str, Any]) -> tuple[Row, ...]:
    """The properties of an object."""
    required = schema.get("required", ())
    return tuple(
        Row(name, kinds(one), name in required, description=one.get("description", ""))
        for name, one in schema.get("properties", {}).items()
    )


def kinds(schema: dict[str, Any]) -> tuple[Kind, ...]:
    """What a schema allows, one kind for each of its alternatives."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(REFERENCE_PREFIX)
        return (Kind(name, name),)
    if "anyOf" in schema and "properties" not in schema:
        return tuple(dict.fromkeys(kind for one in schema["anyOf"] for kind in kinds(one)))
    if schema.get("type") == "array":
        return tuple(Kind(f"list of {kind.text}", kind.component) for kind in kinds(schema["items"]))
    if schema.get("type") == "object" and len(schema.get("properties", {})) in range(1, 4):
        return tuple(_member(name, kind) for name, one in schema["properties"].items() for kind in kinds(one))
    return (Kind(_words(schema)),)


def _member(name: str, kind: Kind) -> Kind:
    return Kind(f"{{{name}: {kind.text}}}", kind.component)


def _words(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join("null" if word is None else repr(word).replace("'", '"') for word in schema["enum"])
    types = schema.get("type", "any")
    base = " or ".join(types) if isinstance(types, list) else types
    limits = [f"{label} {schema[key]}" for key, label in LIMITS.items() if schema.get(key) not in (None, 0)]
    if "minimum" in schema and "maximum" in schema:
        limits = [f"{schema['minimum']} to {schema['maximum']}"]
    extra = [schema[key] for key in ("format", "contentMediaType") if key in schema]
    return " ".join([base, *(f"({one})" for one in [*extra, *limits])])


LIMITS = {"minimum": "at least", "maximum": "at most", "maxLength": "up to"}
