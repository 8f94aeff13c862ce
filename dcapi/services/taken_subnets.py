"""The subnets that subclouds have or are about to get: nobody else may have them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, or_, select, true, type_coerce
from sqlalchemy.orm import Session

from dcapi.models import Operation, SiteRecord, Subcloud
from dcapi.models.locks import locked
from dcapi.models.types import SecretUnreadable, decrypted_json
from dcapi.services.network_reconfiguration import WORK
from dcapi.sync.member import SAVED_PAYLOAD

SUBNET_KEYS = ("management_subnet", "admin_subnet")


def taken_subnets(session: Session, but: Subcloud | None = None) -> list[str]:
    """The management and admin subnets of all subclouds, or of all but one; nobody adds one meanwhile."""
    # Of two subclouds that want one subnet, the second has to see the first.
    session.execute(locked(select(SiteRecord.id)))
    others = true() if but is None else Subcloud.id != but.id
    # Those to come first: one that arrives between two queries is then seen twice, and not never.
    found = [*_to_come(session, others), *_shown(session, others), *_stored(session, others)]
    return [subnet for subnet in found if isinstance(subnet, str)]


def _to_come(session: Session, others: ColumnElement[bool]) -> Iterator[Any]:
    """What network reconfigurations bring, which stands in no subcloud's row before they are done."""
    query = (
        select(type_coerce(Operation.payload, Text))
        .join(Subcloud, Subcloud.id == Operation.subject_id)
        .where(others, Operation.kind == WORK.name, WORK.is_under_way())
    )
    bind = session.connection()
    for text in session.scalars(query):
        # One that cannot be read fails at its next step, and brings nothing.
        with suppress(SecretUnreadable):
            yield decrypted_json(bind, text)["options"]["management_subnet"]


def _shown(session: Session, others: ColumnElement[bool]) -> Iterator[str]:
    yield from session.scalars(select(Subcloud.management_subnet).where(others))


def _stored(session: Session, others: ColumnElement[bool]) -> Iterator[Any]:
    """A row shows one of two subnets; only where there is an admin network the other is in the values."""
    marked = '%"admin_subnet"%'
    query = select(Subcloud.rehome_data, Subcloud.deploy_values).where(
        others, or_(Subcloud.rehome_data.like(marked), Subcloud.deploy_values.like(marked))
    )
    for texts in session.execute(query):
        for text in filter(None, texts):
            payload = _mapping(_mapping(orjson.loads(text)).get(SAVED_PAYLOAD))
            yield from (payload.get(key) for key in SUBNET_KEYS)


def _mapping(value: Any) -> dict[str, Any]:
    """The value, if it is a mapping: not all that was stored was checked here."""
    return value if isinstance(value, dict) else {}
