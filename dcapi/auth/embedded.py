"""The embedded identity service: logs users of identity.yaml in, and knows the tokens that it signed."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field

from dcapi.auth.context import Caller
from dcapi.auth.identity_file import User
from dcapi.auth.rights import with_implied
from dcapi.auth.tokens import NOT_VALID, Claims, Tokens, signing_key
from dcapi.auth.users import Users
from dcapi.errors import Unauthorized
from dcapi.instance import InstanceFolder
from dcapi.settings import Settings

log = logging.getLogger(__name__)

# The one domain, with the id and the name that Keystone gives it.
DOMAIN_ID = "default"
DOMAIN_NAME = "Default"

# A login that names no project gets this one, if it may.
FIRST_PROJECT = "admin"

# Ids of projects and roles follow from their names, so that all processes and hosts agree on them.
NAMES = uuid.UUID("6f1d7c8e-52f5-4a5c-9d0e-6f5f0b1c7a10")

LOGIN_FAILED = "Login failed: wrong user, password or project"


def stable_id(kind: str, name: str) -> str:
    """32 hex digits that stand for a project, role, service or endpoint of this name everywhere."""
    return uuid.uuid5(NAMES, f"{kind}:{name}").hex


@dataclass(frozen=True)
class Reference:
    """A user or a project as a login names it: by its id, or by its name and the domain that it is in."""

    id: str | None = None
    name: str | None = None
    domain_id: str | None = None
    domain_name: str | None = None

    def in_the_domain(self) -> bool:
        """Whether the domain that is named, if any, is the one that there is."""
        ids, names = (None, DOMAIN_ID), (None, DOMAIN_NAME.lower())
        name = self.domain_name.lower() if self.domain_name is not None else None
        return self.domain_id in ids and name in names


@dataclass(frozen=True)
class Token:
    """A valid token: its text, what it claims, and the user as of now."""

    text: str = field(repr=False)
    claims: Claims
    user: User

    @property
    def roles(self) -> frozenset[str]:
        return with_implied(self.user.roles)


class EmbeddedIdentity:
    """What Keystone is elsewhere, for one site without one."""

    def __init__(self, users: Users, tokens: Tokens) -> None:
        self.users = users
        self.tokens = tokens

    @classmethod
    def of(cls, folder: InstanceFolder, settings: Settings) -> EmbeddedIdentity:
        return cls(Users(folder), Tokens(signing_key(folder), settings.TOKEN_TTL_SECONDS))

    def caller_of(self, token: str) -> Caller:
        """Who a token stands for, without any hashing of passwords; raises Unauthorized."""
        known = self.token_of(token)
        return Caller(known.user.id, known.user.name, known.claims.project_name, known.roles)

    def token_of(self, text: str) -> Token:
        """A token signed here that has not expired and whose user is still the same; raises Unauthorized."""
        claims = self.tokens.read(text)
        user = self.users.find(claims.user_name)
        if user is None or user.fingerprint != claims.fingerprint:
            raise Unauthorized(NOT_VALID)
        return Token(text, claims, user)

    def log_in(self, who: Reference, password: str, project: Reference | None) -> Token:
        """A new token for a user with this password in this project (None: the user's first choice).

        Raises Unauthorized, after the same time and with the same text whatever it is that does not fit.
        """
        user = self._find(who)
        verified = self.users.verify(user, password)
        project_name = _project_of(user, project) if user and verified else None
        if user is None or project_name is None:
            log.warning("login failed for user %.100r", who.id if who.name is None else who.name)
            raise Unauthorized(LOGIN_FAILED)
        return self._signed(user, self.tokens.claims(user.name, user.fingerprint, project_name, "password"))

    def counted_as(self, who: Reference) -> str:
        """What failed logins of this user are counted under.

        It must not depend on whether there is such a user: who could get more tries by naming it in another
        way, or could not, would learn that.
        """
        if not who.in_the_domain():
            return f"elsewhere {who}"
        if who.id is None:
            return f"name {who.name}"
        user = self.users.find_by_id(who.id)  # nobody guesses an id
        return f"name {user.name}" if user else f"id {who.id}"

    def renew(self, text: str, project: Reference | None) -> Token:
        """A token for the same user, which ends when the given one does; raises Unauthorized."""
        parent = self.token_of(text)
        project_name = _project_of(parent.user, project) if project else parent.claims.project_name
        if project_name is None:
            raise Unauthorized(LOGIN_FAILED)
        return self._signed(parent.user, self.tokens.successor(parent.claims, project_name))

    def _find(self, who: Reference) -> User | None:
        if not who.in_the_domain():
            return None
        if who.id is not None:
            return self.users.find_by_id(who.id)
        return self.users.find(who.name) if who.name is not None else None

    def _signed(self, user: User, claims: Claims) -> Token:
        return Token(self.tokens.sign(claims), claims, user)


def _project_of(user: User, wanted: Reference | None) -> str | None:
    """The name of the wanted project if the user is in it."""
    if wanted is None:
        return FIRST_PROJECT if FIRST_PROJECT in user.projects else user.projects[0]
    if not wanted.in_the_domain():
        return None
    if wanted.id is not None:
        return next((name for name in user.projects if stable_id("project", name) == wanted.id), None)
    return wanted.name if wanted.name in user.projects else None
