"""Peer group associations: one group paired with one system peer, and what was pushed to that peer."""

from __future__ import annotations

from sqlalchemy import BigInteger, Double, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dcapi.models.base import NEVER_AGAIN, Base, Dated
from dcapi.models.peer_group import SubcloudPeerGroup
from dcapi.models.states import NO_MESSAGE, AssociationType
from dcapi.models.system_peer import SystemPeer
from dcapi.models.types import EncryptedText


class PeerGroupAssociation(Dated, Base):
    """``sync_status`` is assigned by ``dcapi.sync.status`` and by nobody else."""

    __tablename__ = "peer_group_association"
    __table_args__ = (UniqueConstraint("peer_group_id", "system_peer_id"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(primary_key=True)
    peer_group_id: Mapped[int] = mapped_column(ForeignKey("subcloud_peer_group.id"), index=True)
    system_peer_id: Mapped[int] = mapped_column(ForeignKey("system_peer.id"), index=True)
    peer_group_priority: Mapped[int | None]
    association_type: Mapped[str] = mapped_column(String(16))
    sync_status: Mapped[str] = mapped_column(String(16))
    sync_message: Mapped[str] = mapped_column(Text, default=NO_MESSAGE)
    # Why the status is ``failed``: see FailureCause.
    sync_cause: Mapped[str | None] = mapped_column(String(16))
    # Raised by every change of what the peer should have; a run that began with an older one proves nothing.
    # That of a non-primary one is raised by every status that it is told: what was read before says less.
    revision: Mapped[int] = mapped_column(default=0)
    # Raised by every request to sync: a run notes the one that it serves.
    sync_asked: Mapped[int] = mapped_column(default=0)
    # Raised by whatever says that the peer's copy has to be read, and the number that the last audit served.
    audit_asked: Mapped[int] = mapped_column(default=0)
    audit_served: Mapped[int] = mapped_column(default=0)
    # This site took the group over, and the peer was not seen to follow yet.
    unfollowed: Mapped[bool] = mapped_column(default=False)
    # Raised by each reason to ask the peer for an audit, and the number that it has heard.
    ask_mark: Mapped[int] = mapped_column(default=0, server_default="0")
    ask_heard: Mapped[int] = mapped_column(default=0, server_default="0")
    # How often it was asked for this takeover, when that was last, in seconds since the epoch, and for how
    # many seconds it is not asked again.
    ask_tries: Mapped[int] = mapped_column(default=0, server_default="0")
    asked_at: Mapped[float | None] = mapped_column(Double)
    ask_pause: Mapped[float] = mapped_column(Double, default=0.0, server_default="0")
    # The peer's copy says ``migrating`` and nothing shows that it does: since when that is seen, in seconds
    # since the epoch, and the copy's ``updated-at`` then.
    leftover_seen_at: Mapped[float | None] = mapped_column(Double)
    leftover_changed_at: Mapped[str | None] = mapped_column(String(128))
    # The ``updated-at`` of the copy whose stale migration status this site has reset, or tried to.
    reset_sent_for: Mapped[str | None] = mapped_column(String(128))
    # The peer's ``complete`` that was followed and stayed: its ``updated-at`` and leader.
    complete_heard: Mapped[str | None] = mapped_column(String(128))
    # The peer was seen to migrate the group: what was let go for that is judged by this peer's copy alone.
    peer_migrates: Mapped[bool] = mapped_column(default=False)
    # The status that the peer was last told; None: nothing yet.
    told_status: Mapped[str | None] = mapped_column(String(16))
    # Set from the moment when a deletion was accepted until the row is gone.
    deleting: Mapped[bool] = mapped_column(default=False)
    # Ids that the peer gave to its copy of the group, its association and its record of this site.
    remote_group_id: Mapped[int | None] = mapped_column(BigInteger)
    remote_association_id: Mapped[int | None] = mapped_column(BigInteger)
    # Runs that began and were not seen to end: too many in a row, and the next attempt fails instead.
    runs_begun: Mapped[int] = mapped_column(default=0)
    # Progress of the run that is going on.
    members_done: Mapped[int] = mapped_column(default=0)
    members_total: Mapped[int] = mapped_column(default=0)

    group: Mapped[SubcloudPeerGroup] = relationship(lazy="joined", innerjoin=True)
    peer: Mapped[SystemPeer] = relationship(lazy="joined", innerjoin=True)

    @property
    def is_primary(self) -> bool:
        return self.association_type == AssociationType.PRIMARY


class PushedMember(Base):
    """The push ledger: what a peer was sent of one member, also after it left the group."""

    __tablename__ = "pushed_member"
    __table_args__ = (UniqueConstraint("association_id", "region_name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    association_id: Mapped[int] = mapped_column(ForeignKey("peer_group_association.id", ondelete="CASCADE"))
    region_name: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(255))
    # Digest of the values that arrived; None: nothing is known to have arrived. Encrypted, because who
    # knows the other values could try passwords against it.
    digest: Mapped[str | None] = mapped_column(EncryptedText)
    # Digest of what began to be sent since, and may have arrived; None: the end of all sending was seen.
    sending: Mapped[str | None] = mapped_column(EncryptedText)
    # It was taken away from the peer again; the row stays, so that a peer that comes back from a backup
    # with it is known to have it from here.
    removed: Mapped[bool] = mapped_column(default=False)
