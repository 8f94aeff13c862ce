"""Who changed a member since it was pushed: this site, the leader of the group, or both. Pure.

What was pushed is known by its outlines (``dcapi/sync/digest.py``). What the leader has beside that, hides or
writes in another way is no change there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dcapi.models.secret_values import is_secret
from dcapi.sync.audit_values import (
    OWN_KEYS,
    TEXTS,
    Values,
    install_there,
    payload_there,
    text_there,
    without_own,
)
from dcapi.sync.copy import RemoteSubcloud, same_value
from dcapi.sync.digest import Outline, hash_of, is_hidden, outline, shows_leaf
from dcapi.sync.member import ADDRESS_KEY

# What was pushed: the outline of each field of a digest.
Sent = dict[str, Any]
Object = dict[str, Any]


def changed_there(here: Values, copy: RemoteSubcloud, pushed: Sent) -> bool:
    """Whether the leader has something else than was pushed to it, or than was added here meanwhile."""
    if hash_of(copy.name) != pushed["name"]:
        return True
    texts = {name: text_there(copy, name) for name in TEXTS}
    if any(text is not None and hash_of(text) != pushed[name] for name, text in texts.items()):
        return True
    saved, install = payload_there(copy), install_there(copy)
    if saved is not None:
        sent = without_own(pushed["saved_payload"])
        if not _is_as_sent("", sent, saved, without_own(here.saved_payload)):
            return True
    return install is not None and not _is_as_sent(
        "", pushed["install_values"], install, here.install_values or {}
    )


def _is_as_sent(key: str, sent: Outline, there: Any, here: Any) -> bool:
    """Whether a value there is the one that was sent; ``here`` is what stands in its place at this site."""
    if isinstance(sent, dict):
        mine = here if isinstance(here, dict) else {}
        return isinstance(there, dict) and all(
            _is_as_sent(name, sent[name], there.get(name), mine.get(name))
            if name in sent
            else same_value(name, there[name], mine[name])
            for name in {*sent, *(mine.keys() & there.keys())}
        )
    if isinstance(sent, list):
        return (
            isinstance(there, list)
            and len(there) == len(sent)
            and all(_is_as_sent("", *pair, None) for pair in zip(sent, there, strict=True))
        )
    return shows_leaf(key, sent, there)


def with_additions(here: Values, taken: Values, pushed: Sent) -> Values:
    """This site's values with what the leader has beside those that were pushed."""
    saved = _with_additions(here.saved_payload, taken.saved_payload, pushed["saved_payload"])
    install = _with_additions(here.install_values or {}, taken.install_values or {}, pushed["install_values"])
    return replace(here, saved_payload=saved, install_values=install or here.install_values)


def _with_additions(here: Object, taken: Object, sent: Outline) -> Object:
    known = sent if isinstance(sent, dict) else {}
    added = {key: value for key, value in taken.items() if key not in here and key not in known}
    deeper = {
        key: _with_additions(value, taken[key], known.get(key, {}))
        for key, value in here.items()
        if isinstance(value, dict) and isinstance(taken.get(key), dict)
    }
    return {**here, **deeper, **added}


def unsynced_fields(values: Values, copy: RemoteSubcloud, pushed: Sent) -> Iterator[str]:
    """The fields in which this site has what is not known to be there: neither pushed nor shown."""
    for name in TEXTS:
        value = getattr(values, name)
        if hash_of(value) != pushed.get(name) and value != getattr(copy, name):
            yield name
    sent, there = pushed.get("saved_payload", {}), copy.saved_payload
    for key, value in values.saved_payload.items():
        if key not in OWN_KEYS and not _has_arrived(key, sent.get(key), there.get(key), value):
            yield "bootstrap address" if key == ADDRESS_KEY else "bootstrap values"
    install = values.install_values
    if install and not _has_arrived("", pushed.get("install_values"), copy.install_values, install):
        yield "install values"


def _has_arrived(key: str, sent: Outline | None, there: Any, value: Any) -> bool:
    """Whether a value of this site is the one that was pushed, or shown there for all to see."""
    if is_secret(key, value):
        return outline(value, key) == sent or (not is_hidden(there) and same_value(key, there, value))
    if isinstance(value, dict) and value:
        known, shown = (one if isinstance(one, dict) else {} for one in (sent, there))
        return all(
            _has_arrived(name, known.get(name), shown.get(name), inner) for name, inner in value.items()
        )
    if isinstance(value, list) and value:
        nothing = [None] * len(value)
        known_items, shown_items = (
            one if isinstance(one, list) and len(one) == len(value) else nothing for one in (sent, there)
        )
        return all(_has_arrived("", *item) for item in zip(known_items, shown_items, value, strict=True))
    return outline(value, key) == sent or same_value(key, there, value)
