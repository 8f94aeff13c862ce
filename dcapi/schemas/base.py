"""How a request's values go through a schema: one text for the first wrong field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, pre_load

from dcapi.errors import BadRequest
from dcapi.schemas.fields import Checked


class RequestSchema(Schema):
    """Values of a request that creates something; keys that are not known are ignored, and so is null for a
    field that need not be given."""

    class Meta:
        unknown = EXCLUDE

    @pre_load
    def leave_out(self, data: Mapping[str, Any], **_options: Any) -> dict[str, Any]:
        """The data without what counts as not given."""
        unmeant = {key for key, field in self._by_key().items() if self.not_given(field, data.get(key))}
        return {key: value for key, value in data.items() if key not in unmeant}

    def not_given(self, field: Checked, value: Any) -> bool:
        return value is None and not field.keeps_null

    def _by_key(self) -> dict[str, Checked]:
        return {field.data_key or name: field for name, field in self.load_fields.items()}  # type: ignore[misc]


class PatchSchema(RequestSchema):
    """Values of a request that changes something: what is not given stays as it is."""

    # Whether a request that gives nothing at all asks for something.
    may_be_empty = False

    def not_given(self, field: Checked, value: Any) -> bool:
        return super().not_given(field, value) or (value == "" and not field.keeps_empty)


def load(schema: Schema, data: Mapping[str, Any]) -> dict[str, Any]:
    """The checked values, under the names of the schema's fields.

    Raises BadRequest with the text of the first wrong field in the order of the schema, or, when a PATCH
    holds nothing that can be updated, with ``nothing to update``.
    """
    try:
        values: dict[str, Any] = schema.load(data)
    except ValidationError as error:
        raise BadRequest(_first_text(schema, error.normalized_messages())) from error
    if isinstance(schema, PatchSchema) and not values and not schema.may_be_empty:
        raise BadRequest("nothing to update")
    return values


def _first_text(schema: Schema, errors: Mapping[str, Any]) -> str:
    order = [field.data_key or name for name, field in schema.load_fields.items()]
    first = min(errors, key=lambda key: order.index(key) if key in order else len(order))
    text: Any = errors[first]
    while not isinstance(text, str):
        text = next(iter(text.values() if isinstance(text, dict) else text))
    return text
