"""What others see of a subcloud's network, as numbers: one statement finds whom a new range would meet."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, String, delete, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcapi.errors import BadRequest
from dcapi.models.base import Base
from dcapi.models.network_values import ShownNetwork, Span, Values, shown_network
from dcapi.models.subcloud import Subcloud

ADDRESS_BYTES = 16


class SpanKind(StrEnum):
    """A subnet may be shared, a range may not."""

    SUBNET = "subnet"
    RANGE = "range"


class ShownSpan(Base):
    """One subnet or range of one family. Bytes compare as the addresses do, in every database alike."""

    __tablename__ = "shown_span"

    subcloud_id: Mapped[int] = mapped_column(ForeignKey("subcloud.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    # The IP version in one byte, and an address.
    first: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    last: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (Index("ix_shown_span_kind_first", "kind", "first", "last"),)


def bounds_of(span: Span) -> tuple[bytes, bytes]:
    """The first and the last address of a span as they are stored."""
    first, last = (
        bytes([span.version]) + number.to_bytes(ADDRESS_BYTES) for number in (span.first, span.last)
    )
    return first, last


def show(session: Session, row: Subcloud, values: Values) -> None:
    """Let a row that has its id show the networks of its bootstrap values: the one way by which it does.

    Values without form, which older versions accepted, leave the row as it is.
    """
    try:
        network = shown_network(values)
    except BadRequest:
        return
    write_columns(row, network)
    session.execute(delete(ShownSpan).where(ShownSpan.subcloud_id == row.id))
    add_spans(session, row, network)


def add_spans(session: Session, row: Subcloud, network: ShownNetwork) -> None:
    """Enter the spans of a row that has its id and none yet; its columns were written when it was made."""
    session.execute(insert(ShownSpan), _rows(row.id, network))


def write_columns(row: Subcloud, network: ShownNetwork) -> None:
    """Let a new row show a network in its columns; ``show`` does it for one that has its id."""
    row.management_subnet, row.management_gateway_ip = network.subnet, network.gateway
    row.management_start_ip, row.management_end_ip = network.start, network.end
    row.systemcontroller_gateway_ip = network.controller_gateway or row.systemcontroller_gateway_ip
    row.oam_floating_ip = network.oam_floating or row.oam_floating_ip


def _rows(subcloud_id: int, network: ShownNetwork) -> list[dict[str, object]]:
    kinds = ((SpanKind.SUBNET, network.subnets), (SpanKind.RANGE, network.ranges))
    return [
        {"subcloud_id": subcloud_id, "kind": kind, "first": first, "last": last}
        for kind, spans in kinds
        for first, last in map(bounds_of, spans)
    ]
