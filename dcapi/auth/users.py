"""The users of the embedded identity service, and how the first one comes about."""

from __future__ import annotations

import logging
import secrets
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dcapi.auth.identity_file import IDENTITY_FILE, IdentityFile, User
from dcapi.auth.passwords import hash_of, matches
from dcapi.auth.token_keys import TokenKeys
from dcapi.errors import BadRequest, Conflict, NotFound, SettingsError
from dcapi.instance import InstanceFolder
from dcapi.settings import Settings

log = logging.getLogger(__name__)

ADMIN = "admin"
ADMIN_ROLES = ("admin", "member", "reader")
ADMIN_PROJECTS = ("admin",)
# Holds the first password when it was made at random, readable by this site's user alone.
ADMIN_PASSWORD_FILE = "admin-password"  # noqa: S105 (a name, no password)
# Holds the hash of the last DCAPI_ADMIN_PASSWORD that was applied; it is empty when there was none.
APPLIED_PASSWORD_FILE = "admin-password.applied"  # noqa: S105 (a name, no password)

NO_SUCH_USER = "There is no user {!r}"

LONGEST_NAME = 255
LONGEST_PASSWORD = 1024


class Users:
    """Users with roles and projects, in identity.yaml; changes of several processes wait for each other."""

    def __init__(self, folder: InstanceFolder) -> None:
        self.folder = folder
        self.file = IdentityFile(folder)

    def list(self) -> list[User]:
        return sorted(self.file.read().values(), key=lambda user: user.name)

    def find(self, name: str) -> User | None:
        return self.file.read().get(name)

    def find_by_id(self, user_id: str) -> User | None:
        return next((user for user in self.file.read().values() if user.id == user_id), None)

    def verify(self, user: User | None, password: str) -> bool:
        """Whether this is the user's password; takes the same time when there is no such user."""
        return matches(user.password_hash if user else None, password)

    def add(self, name: str, password: str, roles: Iterable[str], projects: Iterable[str]) -> User:
        """Add a user; raises Conflict for a taken name, BadRequest for a name or password of no use."""
        check_name(name)
        check_password(password)
        user = _made(name, password, roles, projects)
        with self.folder.locked(IDENTITY_FILE):
            users = dict(self.file.read())
            if name in users:
                raise Conflict(
                    f"User {name!r} exists already: delete it first to change its roles or projects"
                )
            self.file.write(users | {name: user})
        return user

    def set_password(self, name: str, password: str, *, instead_of: str | None = None) -> None:
        """Give a user another password, which ends its tokens; raises NotFound, or BadRequest as ``add``.

        With ``instead_of``, the hash of the password before, only while it has that one and is enabled, else
        raises NotFound too.
        """
        check_password(password)
        new_hash = hash_of(password)
        with self._changing(name) as users:
            if instead_of is not None and not _has(users[name], instead_of):
                raise NotFound(NO_SUCH_USER.format(name))
            users[name] = replace(users[name], password_hash=new_hash)
        if name == ADMIN:
            self.forget_admin_password()

    def disable(self, name: str) -> None:
        """Let a user log in no more, and end its tokens; raises NotFound."""
        with self._changing(name) as users:
            user = users[name]
            if user.enabled:
                users[name] = replace(user, enabled=False, times_disabled=user.times_disabled + 1)

    def enable(self, name: str) -> None:
        """Let a user log in again; tokens from before stay ended. Raises NotFound."""
        with self._changing(name) as users:
            users[name] = replace(users[name], enabled=True)

    def delete(self, name: str) -> None:
        """Delete a user, which ends its tokens; raises NotFound."""
        with self._changing(name) as users:
            del users[name]
        if name == ADMIN:
            self.forget_admin_password()

    @contextmanager
    def _changing(self, name: str) -> Iterator[dict[str, User]]:
        """The users, to be written when the block ends; raises NotFound when this one is not among them."""
        with self.folder.locked(IDENTITY_FILE):
            users = dict(self.file.read())
            if name not in users:
                raise NotFound(NO_SUCH_USER.format(name))
            yield users
            self.file.write(users)

    def forget_admin_password(self) -> None:
        """Remove the file with the random first password, which counts no longer."""
        (self.folder.path / ADMIN_PASSWORD_FILE).unlink(missing_ok=True)


def _has(user: User, password_hash: str) -> bool:
    return user.enabled and user.password_hash == password_hash


def check_name(name: str) -> None:
    """Raises BadRequest for a user name that is empty, too long, or holds what cannot be seen."""
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise BadRequest(
            f"A user name has 1 to {LONGEST_NAME} visible characters, no blank at the ends: {name[:50]!r}"
        )


def check_password(password: str) -> None:
    """Raises BadRequest for a password that cannot be hashed or never be typed."""
    if not 0 < len(password) <= LONGEST_PASSWORD:
        raise BadRequest(f"A password has 1 to {LONGEST_PASSWORD} characters")
    if any("\ud800" <= character <= "\udfff" for character in password):
        raise BadRequest("A password is UTF-8 text")


def _made(name: str, password: str, roles: Iterable[str], projects: Iterable[str]) -> User:
    return User(
        id=uuid.uuid4().hex,
        name=name,
        password_hash=hash_of(password),
        roles=tuple(dict.fromkeys(roles)),
        projects=tuple(dict.fromkeys(projects)),
    )


def prepare_identity(folder: InstanceFolder, settings: Settings) -> None:
    """See that there is a key for tokens, and a first user ``admin`` with the password of the setting if any.

    Any number of processes may do so at once: one makes the user, the others find it. Raises SettingsError
    when identity.yaml or token.key cannot be understood, or DCAPI_ADMIN_PASSWORD cannot be a password.
    """
    users = Users(folder)
    _check_setting(settings.ADMIN_PASSWORD)
    with folder.locked(IDENTITY_FILE):
        if not users.file.exists():
            admin = _make_first_user(users, settings)
            _note_setting(folder, admin.password_hash if settings.ADMIN_PASSWORD else "")
        else:
            users.file.read()  # a file that cannot be understood stops the start, not the first request
            _follow_setting(users, settings.ADMIN_PASSWORD)
    TokenKeys(folder)


def _check_setting(password: str) -> None:
    try:
        if password:
            check_password(password)
    except BadRequest as error:
        raise SettingsError(f"DCAPI_ADMIN_PASSWORD cannot be used: {error.message}") from error


def _make_first_user(users: Users, settings: Settings) -> User:
    given = settings.ADMIN_PASSWORD
    password = given or users.folder.made_once(ADMIN_PASSWORD_FILE, _random_password).strip()
    admin = _made(ADMIN, password, ADMIN_ROLES, ADMIN_PROJECTS)
    users.file.write({ADMIN: admin})
    if given:
        log.info("made user %s with the password that DCAPI_ADMIN_PASSWORD gives", ADMIN)
    else:
        _show(password, users.folder.path / ADMIN_PASSWORD_FILE, settings)
    return admin


def _show(password: str, file: Path, settings: Settings) -> None:
    """Say once which password the first user has, and where it is kept."""
    if settings.LOG_FORMAT != "plain":
        # What is read by a machine is kept and shipped: no place for a password.
        log.warning("made user %s, its password is in %s", ADMIN, file)
        return
    # Straight to the terminal: a log is kept and shipped, and this is shown once.
    sys.stderr.write(
        f"dcapi: made user {ADMIN} with password {password}\n"
        f"dcapi: it is kept in {file} and not shown again\n"
    )
    sys.stderr.flush()


def _random_password() -> str:
    return secrets.token_urlsafe(18) + "\n"


def _follow_setting(users: Users, password: str) -> None:
    """Apply DCAPI_ADMIN_PASSWORD if it is another one than was applied last: what was done since then stays.

    Sites of before kept no note of it: the first start makes one and changes nothing.
    """
    applied = _applied_hash(users.folder)
    if applied is None:
        _note_setting(users.folder, hash_of(password) if password else "")
    elif password and not matches(applied, password):
        _note_setting(users.folder, _let_the_setting_rule(users, password))


def _applied_hash(folder: InstanceFolder) -> str | None:
    """The hash of the setting that was applied last, empty when there was none; None when nobody knows."""
    try:
        return (folder.path / APPLIED_PASSWORD_FILE).read_text().strip()
    except FileNotFoundError:
        return None


def _note_setting(folder: InstanceFolder, password_hash: str) -> None:
    folder.replace(APPLIED_PASSWORD_FILE, f"{password_hash}\n")


def _let_the_setting_rule(users: Users, password: str) -> str:
    """Give ``admin`` the password of the setting, which ends its tokens; returns the hash of it."""
    known = dict(users.file.read())
    admin = known.get(ADMIN)
    if admin:
        known[ADMIN] = replace(admin, password_hash=hash_of(password))
        log.warning("user %s has another password now, the one that DCAPI_ADMIN_PASSWORD gives", ADMIN)
    else:
        known[ADMIN] = _made(ADMIN, password, ADMIN_ROLES, ADMIN_PROJECTS)
        log.warning("made user %s anew, with the password that DCAPI_ADMIN_PASSWORD gives", ADMIN)
    users.file.write(known)
    users.forget_admin_password()
    return known[ADMIN].password_hash
