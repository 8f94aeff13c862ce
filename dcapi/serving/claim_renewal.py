"""The thread of a worker that tells the database that this server lives."""

from __future__ import annotations

import logging
import threading

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from dcapi import migrations, site_claim
from dcapi.errors import SettingsError
from dcapi.runtime import UnitOfWork
from dcapi.site_claim import SiteClaim

logger = logging.getLogger(__name__)


class ClaimRenewal:
    """Renews the row of the server; each worker does it, so that the death of one is no matter."""

    def __init__(self, claim: SiteClaim, unit_of_work: UnitOfWork) -> None:
        self._claim = claim
        self._unit_of_work = unit_of_work
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_ended, name="site claim", daemon=True)
        self._refused = ""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End soon; a renewal that waits for the database is not waited for."""
        self._ended.set()

    def _renew_until_ended(self) -> None:
        while not self._ended.wait(site_claim.RENEWAL_SECONDS):
            self.renew()

    def renew(self) -> None:
        """Once. What fails now is done with the next one."""
        try:
            with self._unit_of_work() as session:
                self._renew(session.connection())
                session.commit()
            self._refused = ""
        except SQLAlchemyError as error:
            logger.warning("the database could not be told that this server lives: %s", error)
        except SettingsError as error:
            if str(error) != self._refused:
                logger.error("two servers work on one database: %s", error)  # noqa: TRY400 (it says enough)
            self._refused = str(error)

    def _renew(self, connection: Connection) -> None:
        if not site_claim.renew(connection, self._claim):
            # The database was away for long, or came back from a backup.
            migrations.lock(connection)
            site_claim.take(connection, self._claim)
