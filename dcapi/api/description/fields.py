"""The fields of requests as JSON Schema.

What a field takes is what its description allows, with two exceptions that no schema says well: a string of
digits beyond a number's limits, and a text that only looks like what it should be (base64 of nothing, a name
that a site has for itself). A request with one of those is refused with a documented status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from marshmallow import Schema
from marshmallow import fields as marshmallow_fields

from dcapi.models.limits import NAME_LENGTH
from dcapi.schemas import fields, install_values, subclouds
from dcapi.schemas.fields import SHORTER_LENGTH, Checked
from dcapi.schemas.identity import UNSCOPED, ScopeField

JsonSchema = dict[str, Any]


class FormSchema(Schema):
    """Marks the schema of a form, in which everything is a text or a file."""


# Regular expressions of JSON Schema are ECMA-262's, which look for a match anywhere.
PRINTABLE = r"^[^\u0000-\u001f\u007f-\u009f]*$"
PRINTABLE_LINES = r"^[^\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f]*$"
NAME = r"^[^.*+?|()\[\]{}^$/\u0000-\u001f\u007f-\u009f]+$"
SUBCLOUD_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
UUID = r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$"
BASE64 = r"^[A-Za-z0-9+/]+={0,2}$"
HTTP_URL = f"^{fields.HTTP_URL_FORM}$"
DIGITS = r"^[0-9]{1,20}$"
RELEASE = r"^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$"
REGION_OF_DIGITS = r"^[0-9]{32}$"
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_GROUP = "[0-9a-fA-F]{1,4}"
# Groups on both sides of the colons that stand for those that are zero, or on one of them, or eight.
_IPV6 = "|".join(
    [
        f"({_GROUP}:){{7}}{_GROUP}",
        f"({_GROUP}:){{1,7}}:",
        *(f"({_GROUP}:){{1,{7 - after}}}(:{_GROUP}){{1,{after}}}" for after in range(1, 7)),
        f":((:{_GROUP}){{1,7}}|:)",
    ]
)
TWO_ADDRESSES = f"^({_IPV4} *, *({_IPV6})|({_IPV6}) *, *{_IPV4})$"
BOOLEAN_WORD = r"^([tT][rR][uU][eE]|[fF][aA][lL][sS][eE])$"

BLANK: JsonSchema = {"type": "string", "pattern": r"^\s*$"}
# A part of a form that has a file name; the type of its content stands in the encoding of the form.
A_FILE: JsonSchema = {"type": "string", "contentMediaType": "application/octet-stream"}

A_NAME: JsonSchema = {
    "type": "string",
    "minLength": 1,
    "maxLength": NAME_LENGTH,
    "pattern": NAME,
    "not": {"pattern": "^([0-9]+|\\s+)$"},
}
A_SUBCLOUD_NAME: JsonSchema = {
    "type": "string",
    "minLength": 1,
    "maxLength": NAME_LENGTH,
    "pattern": SUBCLOUD_NAME,
    "not": {"pattern": "^[0-9]+$"},
}


def whole_number(lowest: int, highest: int) -> JsonSchema:
    """A whole number, or the string of digits that clients send for one."""
    number = {"type": "integer", "minimum": lowest, "maximum": highest}
    return {"anyOf": [number, {"type": "string", "pattern": DIGITS}]}


def _one_line(field: Any) -> JsonSchema:
    """Line breaks become blanks before anything is judged; blanks at the ends are not counted."""
    return {**text(shortest=field.shortest, longest=field.longest), "pattern": PRINTABLE_LINES}


def text(*, longest: int, shortest: int = 0) -> JsonSchema:
    return {"type": "string", "minLength": shortest, "maxLength": longest, "pattern": PRINTABLE}


def _name(field: Any) -> JsonSchema:
    if not field.but_not:
        return A_NAME
    words = "|".join("".join(f"[{c.lower()}{c.upper()}]" for c in word) for word in sorted(field.but_not))
    return {**A_NAME, "not": {"pattern": f"^([0-9]+|\\s+|{words})$"}}


def _subcloud_name(_field: Any) -> JsonSchema:
    foreign = {**A_NAME, "description": "Only from another site."}
    return {"anyOf": [A_SUBCLOUD_NAME, foreign]}


def _region_name(_field: Any) -> JsonSchema:
    return {"anyOf": [A_NAME, A_SUBCLOUD_NAME, {"type": "string", "pattern": REGION_OF_DIGITS}]}


def _group_reference(_field: Any) -> JsonSchema:
    reference = {**text(shortest=1, longest=NAME_LENGTH), "not": {"pattern": "^\\s*$"}}
    return {**reference, "description": "An id or a name."}


# The kind of a field → what it takes.
KINDS: dict[type[Checked], Callable[[Any], JsonSchema]] = {
    fields.WholeNumber: lambda field: whole_number(field.lowest, field.highest),
    fields.PlainText: lambda field: text(shortest=field.shortest, longest=field.longest),
    fields.OneLine: _one_line,
    fields.Name: _name,
    fields.SubcloudName: _subcloud_name,
    fields.Uuid: lambda _: {"type": "string", "pattern": UUID},
    fields.Choice: lambda field: {"type": "string", "enum": list(field.words)},
    fields.IpAddress: lambda _: {
        "anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]
    },
    fields.IpAddresses: lambda _: {
        "anyOf": [
            {"type": "string", "format": "ipv4"},
            {"type": "string", "format": "ipv6"},
            {"type": "string", "maxLength": SHORTER_LENGTH, "pattern": TWO_ADDRESSES},
        ],
        "description": "An address, or two of different IP versions, `a,b`.",
    },
    fields.Base64Text: lambda field: {
        "type": "string",
        "maxLength": field.longest,
        "pattern": BASE64,
        "description": "UTF-8 text in base64.",
    },
    fields.HttpUrl: lambda _: {"type": "string", "maxLength": SHORTER_LENGTH, "pattern": HTTP_URL},
    fields.Boolean: lambda _: {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": BOOLEAN_WORD}]},
    fields.FileOrText: lambda _: A_FILE,
    fields.Given: lambda _: {},
    install_values.Filled: lambda _: {"not": {"anyOf": [{"type": "null"}, BLANK]}},
    subclouds.GroupReference: _group_reference,
    subclouds.RegionName: _region_name,
    subclouds.Release: lambda _: {"type": "string", "pattern": RELEASE},
}


def describe(_converter: Any, field: marshmallow_fields.Field[Any], ret: JsonSchema) -> JsonSchema:
    """What apispec asks for every field; for others than ours it finds out itself.

    Raises KeyError for a kind of field that the table does not know.
    """
    if isinstance(field, ScopeField):
        return {"anyOf": [*ret["anyOf"], {"type": "string", "enum": [UNSCOPED]}]}
    if not isinstance(field, Checked):
        return {}
    described = _kind_of(field)(field)
    also = list(_empty_values(field))
    if also and described:
        described = {"anyOf": [*described.get("anyOf", [described]), *also]}
    return described


def _kind_of(field: Checked) -> Callable[[Any], JsonSchema]:
    for kind in type(field).__mro__:
        if kind in KINDS:
            return KINDS[kind]
    raise KeyError(f"no description for fields of the kind {type(field).__name__}")


def _empty_values(field: Checked) -> Iterator[JsonSchema]:
    """Null and the empty text where the schema takes them for a value that is not given, or means them."""
    schema: Any = field.parent
    in_a_form = isinstance(schema, FormSchema)
    if not in_a_form and (field.keeps_null or (not field.required and schema.not_given(field, None))):
        yield {"type": "null"}
    if not field.required and schema.not_given(field, ""):
        yield {"type": "string", "enum": [""]}
