"""Flask-SQLAlchemy as what it is here: a session for each request or job, over plain tables."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import Engine
from sqlalchemy.orm import Session, SessionTransaction

from dcapi.api.disconnects import refuse_when_abandoned
from dcapi.models import Base
from dcapi.models.engine import engine_options, equip
from dcapi.models.keyring import Keyring
from dcapi.runtime import UnitOfWork
from dcapi.settings import Settings

logger = logging.getLogger(__name__)


class SiteSession(FlaskSession):
    """A session that commits nothing for another site that does not wait for its answer any more."""

    def commit(self) -> None:
        refuse_when_abandoned()
        super().commit()

    def close(self) -> None:
        """Give the connection back. What was to be rolled back on a lost one is gone: that fails nobody.

        The answer stands by now, and may be on its way: whatever goes wrong here, it is not taken back.
        """
        transaction = self.get_transaction()
        try:
            super().close()
        except Exception as error:  # noqa: BLE001 (as said: nobody is left to hear of it)
            logger.warning("a connection to the database was lost: %s", getattr(error, "orig", error))
            if transaction is not None:
                _abandon(transaction)


def _abandon(transaction: SessionTransaction) -> None:
    """Part with a connection that cannot be given back, without asking it for anything."""
    try:
        transaction.close(invalidate=True)
    except Exception as error:  # noqa: BLE001 (the pool has dropped it, or does so when nobody refers to it)
        logger.warning("a connection to the database could not be closed: %s", error)


db = SQLAlchemy(metadata=Base.metadata, session_options={"class_": SiteSession})


def open_database(app: Flask, settings: Settings, uri: str, keyring: Keyring) -> Engine:
    """Bind the application to its database, whose schema is expected to be current; returns its engine."""
    app.config["SQLALCHEMY_DATABASE_URI"] = uri
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings, uri)
    db.init_app(app)
    with app.app_context():
        equip(db.engine, keyring, settings)
        return db.engine


def unit_of_work_of(app: Flask) -> UnitOfWork:
    """What gives jobs and long use cases their sessions without letting them know flask."""

    @contextmanager
    def unit_of_work() -> Iterator[Session]:
        with app.app_context():  # its end rolls back what was not committed, and returns the connection
            yield db.session()

    return unit_of_work
