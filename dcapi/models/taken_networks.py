"""The networks that subclouds show or are about to get: nobody else's range may meet theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, exists, select, true
from sqlalchemy.orm import Session

from dcapi.errors import BadRequest
from dcapi.models import ShownSpan, SiteRecord, Subcloud, Task
from dcapi.models.locks import locked
from dcapi.models.network_values import Span, addresses_of, span_of, spans_between, subnets_of
from dcapi.models.shown_span import SpanKind, bounds_of
from dcapi.models.states import TaskName


class TakenNetworks:
    """What all subclouds have, or all but one; nobody adds a network until the caller's transaction ends."""

    def __init__(self, session: Session, but: Subcloud | None = None) -> None:
        # Of two subclouds that want one range, the second has to see the first.
        session.execute(locked(select(SiteRecord.id)))
        self._session = session
        self._others: ColumnElement[bool] = true() if but is None else Subcloud.id != but.id
        # Those to come first: one that arrives between two queries is then seen twice, and not never.
        self._to_come = list(self._reconfigured())

    def owner_of(self, span: Span) -> str | None:
        """The name of a subcloud whose range meets this one; None when it is free."""
        coming = (name for name, _, ranges in self._to_come if any(map(span.overlaps, ranges)))
        return next(coming, None) or self._session.scalar(
            select(Subcloud.name)
            .join(ShownSpan, ShownSpan.subcloud_id == Subcloud.id)
            .where(self._others, _meets(SpanKind.RANGE, span))
            .limit(1)
        )

    def has_subnet(self, span: Span) -> bool:
        """Whether a subnet of another subcloud meets this one."""
        if any(map(span.overlaps, (subnet for _, subnets, _ in self._to_come for subnet in subnets))):
            return True
        query = select(ShownSpan.kind).join(Subcloud, Subcloud.id == ShownSpan.subcloud_id)
        shown = query.where(self._others, _meets(SpanKind.SUBNET, span))
        return bool(self._session.scalar(select(exists(shown))))

    def _reconfigured(self) -> Iterator[tuple[str, list[Span], list[Span]]]:
        """What network reconfigurations bring, which stands in no subcloud's row before they are done."""
        query = (
            select(Subcloud.name, Task.details)
            .join(Subcloud, Subcloud.id == Task.subject_id)
            .where(self._others, Task.kind == TaskName.RECONFIGURE_NETWORK)
        )
        for name, details in self._session.execute(query):
            options = details.get("options") or {}
            yield name, _subnets(options), _ranges(options)


def _meets(kind: SpanKind, span: Span) -> ColumnElement[bool]:
    first, last = bounds_of(span)
    is_met: ColumnElement[bool] = (ShownSpan.first <= last) & (ShownSpan.last >= first)
    # The version is the first byte of both: a span of the other family never meets.
    return (ShownSpan.kind == kind) & is_met


def _subnets(options: dict[str, Any]) -> list[Span]:
    try:
        return [span_of(subnet) for subnet in subnets_of(options, "management_subnet")]
    except BadRequest:
        return []


def _ranges(options: dict[str, Any]) -> list[Span]:
    try:
        starts, ends = (addresses_of(options, f"management_{end}_ip") for end in ("start", "end"))
    except BadRequest:
        return []
    return list(spans_between(starts, ends))
