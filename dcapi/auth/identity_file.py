"""identity.yaml in the instance folder: the users of the embedded identity service, readable for people."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from marshmallow import Schema, ValidationError, fields, validate

from dcapi.auth.passwords import HASH
from dcapi.errors import SettingsError
from dcapi.instance import FollowedFile, InstanceFolder

IDENTITY_FILE = "identity.yaml"

HEADER = """\
# Users of the embedded identity service; this file is read anew whenever it changes. Passwords are hashes: to
# set one, use `flask --app wsgi dcapi user password NAME`. To let a user in no more, use `user disable NAME`.
"""


@dataclass(frozen=True)
class User:
    """One user; the roles hold in each of the projects.

    ``times_disabled`` is what ends the tokens of a user that is disabled, for good.
    """

    id: str
    name: str
    password_hash: str = field(repr=False)
    roles: tuple[str, ...]
    projects: tuple[str, ...]
    enabled: bool = True
    times_disabled: int = 0

    @property
    def fingerprint(self) -> str:
        """A short digest of all that a token relies on: it differs as soon as any of that changes."""
        known = (self.id, self.name, self.password_hash, sorted(self.roles), sorted(self.projects))
        # Of a user that was never disabled as it always was: an upgrade ends no token.
        told = known if self.enabled and not self.times_disabled else (*known, self.times_disabled)
        return hashlib.sha256(repr(told).encode()).hexdigest()[:24]


class UserSchema(Schema):
    id = fields.String(required=True, validate=validate.Length(min=1, max=64))
    password = fields.String(required=True, validate=validate.Regexp(HASH, error="Not a scrypt hash."))
    roles = fields.List(fields.String(), required=True)
    projects = fields.List(fields.String(), required=True, validate=validate.Length(min=1))
    enabled = fields.Boolean(load_default=True)
    times_disabled = fields.Integer(strict=True, load_default=0)


class FileSchema(Schema):
    users = fields.Dict(keys=fields.String(), values=fields.Nested(UserSchema), required=True)


class IdentityFile:
    """Reads the users, from memory as long as the file is the same; writes them all at once.

    A reader needs no lock; who reads in order to write holds ``InstanceFolder.locked(IDENTITY_FILE)``.
    """

    def __init__(self, folder: InstanceFolder) -> None:
        self.folder = folder
        self.path = folder.path / IDENTITY_FILE
        self._followed = FollowedFile(self.path, self._parse)

    def exists(self) -> bool:
        return self.path.exists()

    def read(self) -> Mapping[str, User]:
        """Users by name, none when there is no file; raises SettingsError when it cannot be understood."""
        try:
            return self._followed.read()
        except FileNotFoundError:
            return {}

    def _parse(self, text: bytes) -> Mapping[str, User]:
        try:
            loaded: Any = FileSchema().load(yaml.safe_load(text))
        except (yaml.YAMLError, ValidationError, ValueError, LookupError, TypeError) as error:
            raise SettingsError(f"{self.path} does not describe users: {error}") from error
        users = {name: _user(name, values) for name, values in loaded["users"].items()}
        if len({user.id for user in users.values()}) < len(users):
            raise SettingsError(f"{self.path} gives several users the same id")
        return users

    def write(self, users: Mapping[str, User]) -> None:
        """Replace the users; a reader sees all of the old ones or all of the new ones."""
        content = {"users": {user.name: _values(user) for user in users.values()}}
        self.folder.replace(
            IDENTITY_FILE, HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        )


def _user(name: str, values: Mapping[str, Any]) -> User:
    return User(
        id=values["id"],
        name=name,
        password_hash=values["password"],
        roles=tuple(values["roles"]),
        projects=tuple(values["projects"]),
        enabled=values["enabled"],
        times_disabled=values["times_disabled"],
    )


def _values(user: User) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": user.id,
        "password": user.password_hash,
        "roles": list(user.roles),
        "projects": list(user.projects),
    }
    if not user.enabled or user.times_disabled:
        values |= {"enabled": user.enabled, "times_disabled": user.times_disabled}
    return values
