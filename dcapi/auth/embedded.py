"""The embedded identity service: logs users of identity.yaml in, and knows the tokens that it signed."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field

from dcapi.auth.context import Caller
from dcapi.auth.identity_file import User
from dcapi.auth.revoked_tokens import RevokedTokens
from dcapi.auth.rights import with_implied
from dcapi.auth.token_keys import TokenKeys
from dcapi.auth.tokens import NOT_VALID, Claims, Tokens
from dcapi.auth.turns import Turns
from dcapi.auth.users import Users, check_password
from dcapi.errors import NotFound, SettingsError, Unauthorized
from dcapi.instance import InstanceFolder
from dcapi.jobs.quota import Quota
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

    def __init__(self, folder: InstanceFolder, settings: Settings) -> None:
        self.users = Users(folder)
        self._keys = TokenKeys(folder)
        self.tokens = Tokens(self._keys.now, settings.TOKEN_TTL_SECONDS)
        self._revoked = RevokedTokens(folder)
        # Request threads that may wait to hash, and those that may wait to count what came of it.
        places = max(1, settings.THREADS // 4)
        self.turns = Turns(places)
        self.counting = Quota(places)

    def caller_of(self, token: str) -> Caller:
        """Who a token stands for, without any hashing of passwords; raises Unauthorized."""
        known = self.token_of(token)
        return Caller(known.user.id, known.user.name, known.claims.project_name, known.roles)

    def checks(self) -> dict[str, str]:
        """Whether identity.yaml can be read."""
        try:
            self.users.list()
        except (SettingsError, OSError, ValueError):
            return {"identity": "broken"}
        return {"identity": "ok" if self.users.file.exists() else "missing"}

    def token_of(self, text: str) -> Token:
        """A token signed here, neither expired nor revoked, whose user is still the same.

        Raises Unauthorized for any other one.
        """
        claims = self.tokens.read(text)
        user = self.users.find(claims.user_name)
        if user is None or not user.enabled or user.fingerprint != claims.fingerprint:
            raise Unauthorized(NOT_VALID)
        if self._revoked.holds(claims):
            raise Unauthorized(NOT_VALID)
        return Token(text, claims, user)

    def revoke(self, token: Token) -> None:
        """End this token, and no other one, in all processes of the site."""
        self._revoked.revoke(token.claims)

    def rotate_token_key(self) -> None:
        """Sign with a new key, in all processes; older tokens stay valid. Raises SettingsError."""
        self._keys.rotate(self.tokens.lifetime)

    def log_in(self, who: Reference, password: str, project: Reference | None) -> Token:
        """A new token for a user with this password in this project (None: the user's first choice).

        Raises Unauthorized, after the same time and with the same text whatever it is that does not fit.
        """
        user = self._verified(who, password)
        project_name = _project_of(user, project) if user else None
        if user is None or project_name is None:
            raise _failure(who)
        return self._signed(user, self.tokens.claims(user.name, user.fingerprint, project_name, "password"))

    def change_password(self, who: Reference, password: str, new: str) -> None:
        """Give a user who knows its password another one, which ends its tokens.

        Raises BadRequest for a new one of no use, and Unauthorized as a login does.
        """
        check_password(new)
        user = self._verified(who, password)
        if user is None:
            raise _failure(who)
        try:
            self.users.set_password(user.name, new, instead_of=user.password_hash)
        except NotFound as error:  # it was changed, disabled or deleted meanwhile
            raise _failure(who) from error

    def _verified(self, who: Reference, password: str) -> User | None:
        user = self._find(who)
        return user if self.users.verify(user, password) else None

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
        """Whom a login names, if this user may log in: of a disabled one nothing is told, nor its absence."""
        user = self._named(who) if who.in_the_domain() else None
        return user if user is not None and user.enabled else None

    def _named(self, who: Reference) -> User | None:
        if who.id is not None:
            return self.users.find_by_id(who.id)
        return self.users.find(who.name) if who.name is not None else None

    def _signed(self, user: User, claims: Claims) -> Token:
        return Token(self.tokens.sign(claims), claims, user)


def _failure(who: Reference) -> Unauthorized:
    log.warning("login failed for user %.100r", who.id if who.name is None else who.name)
    return Unauthorized(LOGIN_FAILED)


def _project_of(user: User, wanted: Reference | None) -> str | None:
    """The name of the wanted project if the user is in it."""
    if wanted is None:
        return FIRST_PROJECT if FIRST_PROJECT in user.projects else user.projects[0]
    if not wanted.in_the_domain():
        return None
    if wanted.id is not None:
        return next((name for name in user.projects if stable_id("project", name) == wanted.id), None)
    return wanted.name if wanted.name in user.projects else None
