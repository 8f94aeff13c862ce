"""The counters of audits: who wants one raises the first number, and a served audit notes which it served.

They are bookkeeping: an association to which nothing else happened shows no new date.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import update
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation

SILENT = {"updated_at": PeerGroupAssociation.updated_at}


def ask_for_audits(session: Session, association_ids: Iterable[int]) -> None:
    """Note that the peers' copies have to be read. The caller holds the rows' locks, and commits."""
    session.execute(
        update(PeerGroupAssociation)
        .where(PeerGroupAssociation.id.in_(list(association_ids)))
        .values(audit_asked=PeerGroupAssociation.audit_asked + 1, **SILENT),
        execution_options={"synchronize_session": False},
    )


def note_served(session: Session, association_id: int, asked: int) -> None:
    """Note that an audit which began at this request was carried out. The caller commits."""
    session.execute(
        update(PeerGroupAssociation)
        .where(PeerGroupAssociation.id == association_id)
        .values(audit_served=asked, **SILENT),
        execution_options={"synchronize_session": False},
    )
