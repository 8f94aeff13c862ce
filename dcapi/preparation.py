"""What a site makes once before it serves: folder, keys, tables, its UUID, its first user."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import Connection, Engine, create_engine, insert, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from dcapi import migrations, site_claim
from dcapi.auth.rights import Rights
from dcapi.auth.strategy import prepare_callers
from dcapi.auth.token_keys import TOKEN_KEY_FILE
from dcapi.deploy.registry import deployer_of
from dcapi.errors import SettingsError
from dcapi.instance import InstanceFolder
from dcapi.models import SubcloudPeerGroup
from dcapi.models.database_probe import connect_args
from dcapi.models.engine import READ_ONLY, SQLITE_FILE, clear_sqlite_file, database_uri, make_engine
from dcapi.models.keyring import SECRETS_KEY_FILE, Keyring, fingerprint, keys_in
from dcapi.models.locks import locked
from dcapi.models.site import THE_SITE, SiteRecord
from dcapi.peers.directory import Peers
from dcapi.runtime import Site
from dcapi.settings import Settings, unknown_names
from dcapi.site_claim import SiteClaim
from dcapi.sync import changes

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """What preparation found or made."""

    folder: InstanceFolder
    database_uri: str = field(repr=False)
    keyring: Keyring
    site: Site


def prepare(settings: Settings, *, serves: bool = True, claim: SiteClaim | None = None) -> Prepared:
    """Make what is missing, or read what others made; any number of processes may do it at once.

    ``serves``: the process is one of the site. A command may lack the site's environment: then what that says
    of the site's name is no news. ``claim``: the process is a server, and the database becomes that of its
    site. Raises SettingsError when the environment contradicts what the database says.
    """
    _check_parts(settings)
    for name in unknown_names(os.environ):
        logger.warning("%s is set, but there is no such setting: see docs/settings.md", name)
    folder = InstanceFolder.of(settings)
    folder.make()
    with folder.locked("preparation"):
        for name in (SECRETS_KEY_FILE, TOKEN_KEY_FILE):
            folder.check_secret(name)
        uri = database_uri(settings, folder.path)
        if not settings.SQLALCHEMY_DATABASE_URI:
            # Its journals get the mode of the file itself.
            folder.make_private(folder.path / SQLITE_FILE)
        keyring = _keyring(settings, folder, uri)
        record = _prepare_database(uri, settings, keyring, serves=serves, claim=claim)
        prepare_callers(folder, settings)
    keyring.follow_only(partial(_fingerprint_now, uri))
    return Prepared(folder, uri, keyring, Site(uuid=record.uuid, name=settings.SITE_NAME))


def give_up(prepared: Prepared, settings: Settings, claim: SiteClaim) -> None:
    """Let the database go when the server ends in order; a server that cannot say so is found dead."""
    engine = make_engine(prepared.database_uri, settings, prepared.keyring)
    try:
        with engine.begin() as connection:
            site_claim.give_up(connection, claim)
    except SQLAlchemyError as error:
        logger.warning("the database could not be told that this server ended: %s", error)
    finally:
        engine.dispose()


def _check_parts(settings: Settings) -> None:
    """What only the parts themselves can judge stops the start here, not the first worker."""
    deployer_of(settings)
    Rights.of(settings)
    Peers(settings).close()


def _keyring(settings: Settings, folder: InstanceFolder, uri: str) -> Keyring:
    if settings.SECRETS_KEYS:
        return _usable(lambda: Keyring(keys_in(settings.SECRETS_KEYS)), "DCAPI_SECRETS_KEYS")
    file = folder.path / SECRETS_KEY_FILE
    if not file.exists():
        _check_no_key_was_lost(uri, settings, file)
    folder.make_once(SECRETS_KEY_FILE, lambda: Fernet.generate_key().decode())
    return _usable(lambda: Keyring.of_file(file), str(file))


def _check_no_key_was_lost(uri: str, settings: Settings, file: Path) -> None:
    """Before a new key is made, which would only hide that the one of the database's secrets is lost."""
    engine = _engine(uri, settings, Keyring([Fernet.generate_key().decode()]))
    try:
        with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
            known = _known_fingerprint(connection)
    finally:
        engine.dispose()
    if known is not None:
        raise SettingsError(
            f"{file} is missing, and the secrets in this database were encrypted with a key of it: put the "
            "file back from its backup, or give the keys in DCAPI_SECRETS_KEYS"
        )


def _usable(make: Callable[[], Keyring], where: str) -> Keyring:
    try:
        return make()
    except ValueError as error:
        raise SettingsError(
            f"{where} holds no usable keys: each is 32 bytes in URL-safe base64. Put "
            "back those that the database's secrets were encrypted with"
        ) from error


@dataclass(frozen=True)
class _Record:
    uuid: str
    key_fingerprint: str = field(repr=False)


def _prepare_database(
    uri: str, settings: Settings, keyring: Keyring, *, serves: bool, claim: SiteClaim | None
) -> _Record:
    engine = _engine(uri, settings, keyring)
    try:
        if engine.dialect.name == "sqlite":
            with engine.connect() as connection:  # the journal's mode is no matter of a transaction
                driver = connection.connection.dbapi_connection
                assert driver is not None
                driver.execute("PRAGMA journal_mode=WAL")
        with engine.begin() as connection:
            migrations.lock(connection)
            _check_keys(_known_fingerprint(connection), keyring.keys)
            migrations.upgrade(connection)
            record = _site_record(connection, settings, fingerprint(keyring.keys[0]))
            # Before anything is changed: it may be another site's database.
            _check_record(record, settings, keyring.keys)
            if claim is not None:
                site_claim.take(connection, claim)
            if serves:
                _lead_under_own_name(connection, Site(record.uuid, settings.SITE_NAME))
        if engine.dialect.name == "sqlite":
            clear_sqlite_file(engine)
    finally:
        engine.dispose()
    return record


def _engine(uri: str, settings: Settings, keyring: Keyring) -> Engine:
    _check_uri(uri)
    try:
        engine = make_engine(uri, settings, keyring, patient=True)
        engine.connect().close()
    except (ArgumentError, ModuleNotFoundError) as error:
        raise SettingsError(f"DCAPI_SQLALCHEMY_DATABASE_URI names no usable database: {error}") from error
    except (OperationalError, ProgrammingError) as error:
        raise SettingsError(f"the database cannot be opened: {error.orig}") from error
    return engine


def _check_uri(uri: str) -> None:
    """Raises SettingsError for a URI that means something else than its writer; it quotes nothing of it.

    A password with an @ as it is ends there: what follows would pass for the host, and be told in errors.
    """
    try:
        url = make_url(uri)
    except (ArgumentError, ValueError):
        url = None
    if url is None or (url.host and "@" in f"{url.host}{url.database}"):
        raise SettingsError(
            "DCAPI_SQLALCHEMY_DATABASE_URI cannot be read as a URL: in a user name and a password, @ is "
            "written as %40, : as %3A and / as %2F"
        )


def _site_record(connection: Connection, settings: Settings, key_fingerprint: str) -> _Record:
    """Read this site's row, or insert it; the migration's lock orders hosts that start at once."""
    found = connection.execute(select(SiteRecord.uuid, SiteRecord.key_fingerprint)).one_or_none()
    if found is None:
        own_uuid = _checked_uuid(settings.SITE_UUID) if settings.SITE_UUID else str(uuid.uuid4())
        connection.execute(
            insert(SiteRecord).values(id=THE_SITE, uuid=own_uuid, key_fingerprint=key_fingerprint)
        )
        return _Record(own_uuid, key_fingerprint)
    return _Record(found.uuid, found.key_fingerprint)


def _lead_under_own_name(connection: Connection, site: Site) -> None:
    """Name this site as it is called now in the groups that it leads, which makes a sync of them due."""
    called_otherwise = (
        SubcloudPeerGroup.system_leader_id == site.uuid,
        SubcloudPeerGroup.system_leader_name != site.name,
    )
    with Session(connection) as session:
        query = select(SubcloudPeerGroup).where(*called_otherwise).order_by(SubcloudPeerGroup.id)
        groups = list(session.scalars(locked(query)))
        for group in groups:
            logger.info("this site leads peer group %s as %s now", group.peer_group_name, site.name)
            group.system_leader_name = site.name
        if groups:
            changes.group_changed(session, [group.id for group in groups])
        session.flush()


def _known_fingerprint(connection: Connection) -> str | None:
    """The fingerprint of the key that the secrets are encrypted with; None for a database that is new."""
    if not inspect(connection).has_table(SiteRecord.__tablename__):
        return None
    return connection.scalar(select(SiteRecord.key_fingerprint))


def _fingerprint_now(uri: str) -> str | None:
    """The same in a running site; empty, which no key has, while the database cannot be asked."""
    url = make_url(uri)
    # A connection of its own: whoever encrypts may be in the middle of a transaction.
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=connect_args(url))
    try:
        with engine.connect() as connection:
            return _known_fingerprint(connection)
    except SQLAlchemyError:
        return ""


def _check_keys(known: str | None, keys: Sequence[str]) -> None:
    """Before a migration reads secrets: with other keys it would take them for lost."""
    if known is not None and known not in {fingerprint(key) for key in keys}:
        raise SettingsError(
            "the secrets in this database were encrypted with another key: give the site's keys in "
            "DCAPI_SECRETS_KEYS, or the instance folder that holds them"
        )


def _checked_uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise SettingsError(f"DCAPI_SITE_UUID={text!r} is not a UUID") from error


def _check_record(record: _Record, settings: Settings, keys: Sequence[str]) -> None:
    if settings.SITE_UUID and _checked_uuid(settings.SITE_UUID) != record.uuid:
        raise SettingsError(
            f"DCAPI_SITE_UUID={settings.SITE_UUID} is not this database's site, which is {record.uuid}: "
            "use the database of that site, or leave the setting out"
        )
    if record.key_fingerprint != fingerprint(keys[0]):
        logger.warning(
            "not all secrets in this database are encrypted with the first key: "
            "run `flask --app wsgi dcapi rotate-secrets`"
        )
