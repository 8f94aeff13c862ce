"""What the tables say of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from marshmallow import Schema

from dcapi.api.description.fields import JsonSchema
from dcapi.settings import Settings

JSON = "application/json"
FORM = "multipart/form-data"
HTML = "text/html"

# Components, and what errors mean, of calls in several tables.
PREFER = "Prefer"
APPLIED = "PreferenceApplied"
BROKEN_RULE = "A field is wrong, or a rule forbids it: the text says which."
UNDER_WAY = "Something else must finish first: the text says what."


@dataclass(frozen=True)
class Body:
    """A body that a call takes.

    ``make`` gives the schema that the view loads, by the settings of the site. ``beside`` are properties that
    are read apart from that schema; ``required`` replaces what the schema requires, when parts of a form can
    be given in another way.
    """

    component: str
    make: Callable[[Settings], Schema]
    media_type: str = JSON
    beside: Mapping[str, JsonSchema] = field(default_factory=dict)
    required: tuple[str, ...] | None = None
    example: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Operation:
    """A call, as far as its route, its view's mark and its schemas do not tell.

    ``answer`` is the schema of its success, None for one without a body. ``errors`` are the statuses that
    only some calls can give, with what they mean here. ``bodies`` are alternatives, one for a media type.
    ``parameters`` name components.
    """

    summary: str
    answer: JsonSchema | None
    errors: Mapping[int, str] = field(default_factory=dict)
    bodies: tuple[Body, ...] = ()
    parameters: tuple[str, ...] = ()
    description: str = ""
    code: int = 200
    media_type: str = JSON
    headers: tuple[str, ...] = ()
    # Another status with the same answer: what it means.
    also: Mapping[int, str] = field(default_factory=dict)


Table = Mapping[str, Operation]


def json_body(
    schema: type[Schema],
    *,
    example: Mapping[str, object] | None = None,
    component: str = "",
    required: tuple[str, ...] | None = None,
) -> tuple[Body, ...]:
    """A JSON body that a schema loads; ``required`` replaces what the schema requires."""
    name = component or schema.__name__.removesuffix("Schema")
    return (Body(name, lambda _: schema(), required=required, example=example),)
