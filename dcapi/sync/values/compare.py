"""One walk over the values of a member: what is here, what was sent, and what a peer shows. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from dcapi.models.secret_values import MaskedSecret, is_masked, is_secret, unmasked
from dcapi.peers.remote import RemoteSubcloud
from dcapi.sync.values.digest import Outline, is_hidden, outline, read_digest, shows_leaf
from dcapi.sync.values.member import SAVED_PAYLOAD, Member

# Fields of a form that bootstrap values may have, too.
TEXT_FIELDS = frozenset({"description", "location", "release"})


def shows(copy: RemoteSubcloud, member: Member) -> bool:
    """Whether a copy has every value that would be sent; it may hold more keys than that."""
    sent, outlines = member.payload, read_digest(member.digest)
    plain = (sent.description, sent.location, sent.release)
    if plain != (copy.description, copy.location, copy.release):
        return False
    saved = Place("", None, _without_texts(outlines[SAVED_PAYLOAD]), copy.saved_payload)
    install = Place("", None, outlines["install_values"], copy.install_values or {})
    # Install values cannot be taken back over the wire: a member without any leaves the copy's alone.
    return saved.is_as_sent() and install.is_as_sent()


def _without_texts(sent: Outline) -> Outline:
    """What was sent as values, but for the keys that are fields of the form as well.

    An original keeps the field's value under such a key, whatever the values say.
    """
    if not isinstance(sent, dict):
        return sent
    return {key: inner for key, inner in sent.items() if key not in TEXT_FIELDS}


class Place(NamedTuple):
    """One place in a member's values: what is here, the outline of what was sent, and what the peer shows.

    Whatever compares or merges values walks by ``inside`` and asks ``shows_leaf`` at the leaves: nothing else
    says what is equal.
    """

    key: str
    here: Any
    sent: Outline | None
    there: Any
    # None may be a value, or stand for nothing.
    is_here: bool = True
    is_there: bool = True

    def inside(self, whole: dict[str, Any] | list[Any]) -> Iterator[Place]:
        """The places inside one of the three: by all their keys for an object, item by item for a list.

        Of the other two count only an object beside an object, and only a list as long beside a list.
        """
        here, sent, there = (_by_name(side) if _is_alike(side, whole) else {} for side in self[1:4])
        for name in {**here, **sent, **there}:
            key = name if isinstance(name, str) else ""
            yield Place(key, here.get(name), sent.get(name), there.get(name), name in here, name in there)

    def is_as_sent(self) -> bool:
        """Whether the peer shows what was sent; what was added both here and there since has to agree."""
        if self.sent is None:
            return not (self.is_here and self.is_there) or self.is_shown()
        if isinstance(self.sent, str):
            return shows_leaf(self.key, self.sent, self.there)
        # Items have no names: the one in the same position here may be another.
        place = self if isinstance(self.sent, dict) else self._replace(here=None)
        return _is_alike(self.there, self.sent) and all(
            inner.is_as_sent() for inner in place.inside(self.sent)
        )

    def is_shown(self) -> bool:
        """Whether the peer shows what is here, or hides it; its objects may hold more keys."""
        return Place(self.key, None, outline(self.here, self.key), self.there).is_as_sent()

    def has_arrived(self) -> bool:
        """Whether what is here was sent, or can be read there."""
        secret = is_secret(self.key, self.here)
        if isinstance(self.here, dict | list) and self.here and not secret:
            is_known = _is_alike(self.sent, self.here) or _is_alike(self.there, self.here)
            return is_known and all(inner.has_arrived() for inner in self.inside(self.here) if inner.is_here)
        is_readable = not (secret and is_hidden(self.there))
        return outline(self.here, self.key) == self.sent or (is_readable and self.is_shown())

    def with_additions(self) -> Any:
        """What is here, and what the peer added to it."""
        if not self.is_here:
            return self.there
        if not (isinstance(self.here, dict) and isinstance(self.there, dict)):
            return self.here
        return {
            inner.key: inner.with_additions()
            for inner in self.inside(self.here)
            if inner.is_here or (inner.is_there and inner.sent is None)
        }

    def merged(self) -> Any:
        """What the peer has, with what is here wherever that says the same or is hidden there."""
        if isinstance(self.there, dict):
            return dict(self._merged_inside(self.there))
        if self.here is not None and self.is_shown():
            return self.here
        try:
            return unmasked({self.key: self.there}, {self.key: self.here})[self.key]
        except MaskedSecret:
            return self.here

    def _merged_inside(self, there: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for inner in self.inside(there):
            if inner.is_here and not inner.is_there and not is_secret(inner.key, inner.here):
                continue
            merged = None if is_masked(inner.there) and not inner.is_here else inner.merged()
            # A mask, or a list with masks in it, that is new here is no value.
            if inner.is_here or merged is not None or inner.there is None:
                yield inner.key, merged


def _is_alike(one: Any, whole: dict[str, Any] | list[Any]) -> bool:
    """Whether one is an object as well, or a list of the same length."""
    return isinstance(one, type(whole)) and (isinstance(one, dict) or len(one) == len(whole))


def _by_name(whole: Any) -> dict[Any, Any]:
    return whole if isinstance(whole, dict) else dict(enumerate(whole))
