"""The body of a login as Keystone's API v3 defines it, as far as the embedded identity service needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema

from dcapi.errors import BadRequest

UNSCOPED = "unscoped"


class TolerantSchema(Schema):
    class Meta:
        unknown = EXCLUDE


class DomainSchema(TolerantSchema):
    id = fields.String()
    name = fields.String()


class ReferenceSchema(TolerantSchema):
    """A user or project: by id, or by name and domain."""

    id = fields.String()
    name = fields.String()
    domain = fields.Nested(DomainSchema)

    @validates_schema
    def check_that_it_names_something(self, data: Mapping[str, Any], **_: Any) -> None:
        if not data.keys() & {"id", "name"}:
            raise ValidationError("Give an id, or a name and a domain.")


class UserSchema(ReferenceSchema):
    password = fields.String(required=True)


class PasswordSchema(TolerantSchema):
    user = fields.Nested(UserSchema, required=True)


class TokenSchema(TolerantSchema):
    id = fields.String(required=True)


class ScopeSchema(TolerantSchema):
    """A login must be scoped to a project; what else stands here is for the view to refuse."""

    project = fields.Nested(ReferenceSchema)


class ScopeField(fields.Nested):
    """A scope, or the word for none, which loads as None."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return None if value == UNSCOPED else super()._deserialize(value, *args, **kwargs)


class MethodsSchema(TolerantSchema):
    methods = fields.List(fields.String(), required=True, validate=validate.Length(min=1))
    password = fields.Nested(PasswordSchema)
    token = fields.Nested(TokenSchema)

    @validates_schema
    def check_that_methods_come_with_their_values(self, data: Mapping[str, Any], **_: Any) -> None:
        for method in ("password", "token"):
            if method in data["methods"] and method not in data:
                raise ValidationError("Missing data for required field.", method)


class AuthSchema(TolerantSchema):
    identity = fields.Nested(MethodsSchema, required=True)
    scope = ScopeField(ScopeSchema, load_default=None)


class LoginSchema(TolerantSchema):
    auth = fields.Nested(AuthSchema, required=True)


class NewPasswordSchema(TolerantSchema):
    original_password = fields.String(required=True)
    password = fields.String(required=True)


class PasswordChangeSchema(TolerantSchema):
    user = fields.Nested(NewPasswordSchema, required=True)


# Wrong fields that are named: whoever sends more of them reads no more.
TOLD = 10


def load_login(body: Mapping[str, Any]) -> dict[str, Any]:
    """What stands below ``auth`` in the body of a login; raises BadRequest that names the wrong fields."""
    auth: dict[str, Any] = _loaded(LoginSchema(), body, "login")["auth"]
    return auth


def load_password_change(body: Mapping[str, Any]) -> dict[str, str]:
    """Both passwords in the body of a change; raises BadRequest that names the wrong fields."""
    passwords: dict[str, str] = _loaded(PasswordChangeSchema(), body, "change of a password")["user"]
    return passwords


def _loaded(schema: Schema, body: Mapping[str, Any], what: str) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        lines = _lines("", error.normalized_messages())
        more = [f"and {len(lines) - TOLD} more"] if len(lines) > TOLD else []
        raise BadRequest(f"Invalid {what}: {'; '.join([*lines[:TOLD], *more])}") from error
    return loaded


def _lines(path: str, messages: Any) -> list[str]:
    if isinstance(messages, dict):
        return [line for name, below in messages.items() for line in _lines(_below(path, str(name)), below)]
    return [f"{path}: {' '.join(messages)}"]


def _below(path: str, name: str) -> str:
    if name == "_schema":
        return path or "body"
    return f"{path}.{name}" if path else name
