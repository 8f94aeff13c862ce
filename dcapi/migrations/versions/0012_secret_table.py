"""What the table of secrets made a secret is taken out of what is stored, and known as one of what was sent.

The values of subclouds are split anew. The ledger marks the hash of each secret, because a peer may hide it:
an outline is written anew where it is the one of a value that is here, else as far as keys tell. All of it is
one transaction, so a site that is killed meanwhile begins again. The way back splits by the rule of before.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import sqlalchemy as sa
from alembic import op

from dcapi.models.secret_table import is_secret_key
from dcapi.models.secret_values import is_secret, put_back
from dcapi.models.types import EncryptedJSON, EncryptedText, SecretUnreadable, decrypted_json

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

logger = logging.getLogger("dcapi.migrations")

Values = dict[str, Any]
Outline = Any

MASK = "******"
SECRET_MARK = "*"  # noqa: S105 (a mark, no password)
# Texts that hold JSON, with their secrets in the row's own column for those.
TEXTS = ("rehome_data", "data_install", "deploy_values")
# Rows that are read at once.
BATCH = 25

SUBCLOUD = sa.table(
    "subcloud",
    sa.column("id", sa.Integer),
    sa.column("region_name", sa.String),
    *(sa.column(name, sa.Text) for name in TEXTS),
    sa.column("secrets", EncryptedJSON),
)
PUSHED = sa.table(
    "pushed_member",
    sa.column("id", sa.Integer),
    sa.column("region_name", sa.String),
    sa.column("digest", EncryptedText),
    sa.column("sending", EncryptedText),
)


class Rule(NamedTuple):
    """What counts as a secret, by a key alone and by key and value."""

    of_key: Callable[[str], bool]
    of: Callable[[str, Any], bool]


# -- The rule of before --

OLD_ENDINGS = ("password", "passwords", "passwd", "passphrase", "_pass")
OLD_URL = re.compile(r"[a-z0-9+.-]://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)


def _old_key(key: str) -> bool:
    return key.strip().lower().endswith(OLD_ENDINGS)


def _old(key: str, value: Any) -> bool:
    if value is None or _old_key(key):
        return value is not None
    return isinstance(value, str) and "@" in value and OLD_URL.search(value) is not None


BEFORE, NOW = Rule(_old_key, _old), Rule(is_secret_key, is_secret)


def upgrade() -> None:
    _apply(BEFORE, NOW)


def downgrade() -> None:
    _apply(NOW, BEFORE)


def _apply(before: Rule, after: Rule) -> None:
    connection = op.get_bind()
    for batch in _batches(connection, SUBCLOUD):
        here = {row["region_name"]: _take_apart(connection, row, after) for row in batch}
        for entries in _batches(connection, PUSHED, PUSHED.c.region_name.in_(here)):
            _rewrite(connection, entries, here, before, after)
    gone = PUSHED.c.region_name.not_in(sa.select(SUBCLOUD.c.region_name))
    for entries in _batches(connection, PUSHED, gone):
        _rewrite(connection, entries, {}, before, after)


def _batches(connection: sa.Connection, table: Any, *where: Any) -> Iterator[list[Values]]:
    """The rows of a table in the order of their ids, with secrets as they are stored."""
    others = [sa.type_coerce(column, sa.Text).label(column.name) for column in table.c if column.name != "id"]
    query = sa.select(table.c.id, *others).where(*where).order_by(table.c.id).limit(BATCH)
    last = 0
    while rows := connection.execute(query.where(table.c.id > last)).mappings().all():
        yield [dict(row) for row in rows]
        last = rows[-1]["id"]


# -- What is stored --


def _take_apart(connection: sa.Connection, row: Values, rule: Rule) -> Values:
    """Split the values of a subcloud; returns them whole, by the names that digests have for them."""
    try:
        held = decrypted_json(connection, row["secrets"]) if row["secrets"] else {}
        texts = {name: json.loads(row[name]) for name in TEXTS if row[name] is not None}
        whole = {name: put_back(value, held.get(name)) for name, value in texts.items()}
    except (SecretUnreadable, ValueError, LookupError, TypeError):
        logger.warning("the values of subcloud %s cannot be read and stay as they are", row["id"])
        return {}
    _split(connection, row, whole, held, rule)
    stored = whole.get("rehome_data")
    saved = stored.get("saved_payload") if isinstance(stored, dict) else None
    return {"saved_payload": saved or {}, "install_values": whole.get("data_install") or {}}


def _split(connection: sa.Connection, row: Values, whole: Values, held: Values, rule: Rule) -> None:
    texts, secrets = {}, {name: secret for name, secret in held.items() if name not in whole}
    for name, value in whole.items():
        out: list[Any] = []
        texts[name] = json.dumps(_masked("", value, [], out, rule), ensure_ascii=False)
        secrets |= {name: out} if out else {}
    if secrets != held or any(text != row[name] for name, text in texts.items()):
        this = sa.update(SUBCLOUD).where(SUBCLOUD.c.id == row["id"])
        connection.execute(this.values(**texts, secrets=secrets or None))


def _masked(key: str, value: Any, path: list[Any], out: list[Any], rule: Rule) -> Any:
    if rule.of(key, value):
        out.append([path, value])
        return MASK
    if isinstance(value, dict):
        return {name: _masked(name, inner, [*path, name], out, rule) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked("", inner, [*path, index], out, rule) for index, inner in enumerate(value)]
    return value


# -- What was sent --


def _rewrite(
    connection: sa.Connection, entries: list[Values], here: Values, before: Rule, after: Rule
) -> None:
    """Write digests of the ledger anew; ``here`` has the values by their region."""
    for entry in entries:
        values = here.get(entry["region_name"], {})
        changed: Values = {}
        for name in ("digest", "sending"):
            with suppress(SecretUnreadable, ValueError):
                old = decrypted_json(connection, entry[name]) if entry[name] else None
                new = _of_parts(old, values, before, after)
                changed |= {name: json.dumps(new, sort_keys=True)} if new != old else {}
        if changed:
            connection.execute(sa.update(PUSHED).where(PUSHED.c.id == entry["id"]).values(changed))


def _of_parts(sent: Any, here: Values, before: Rule, after: Rule) -> Any:
    """A digest, with its outlines of values anew."""
    if not isinstance(sent, dict):
        return sent
    parts = {name: sent[name] for name in ("saved_payload", "install_values") if name in sent}
    return sent | {name: _anew("", one, here.get(name), before, after) for name, one in parts.items()}


def _anew(key: str, sent: Outline, here: Any, before: Rule, after: Rule) -> Outline:
    """The outline of what was sent by the other rule; ``here`` is the value of which it may be."""
    if _outline(key, here, before) == sent:
        return _outline(key, here, after)
    if sent == NULL:
        return sent
    if after.of_key(key):
        return sent if _is_marked(sent) else SECRET_MARK + (sent if isinstance(sent, str) else _hash(sent))
    if _is_marked(sent):
        return sent[1:] if before.of_key(key) else sent
    if isinstance(sent, dict):
        known = here if isinstance(here, dict) else {}
        return {name: _anew(name, one, known.get(name), before, after) for name, one in sent.items()}
    if isinstance(sent, list):
        items = here if isinstance(here, list) and len(here) == len(sent) else [None] * len(sent)
        return [_anew("", one, item, before, after) for one, item in zip(sent, items, strict=True)]
    return sent


def _is_marked(sent: Outline) -> bool:
    return isinstance(sent, str) and sent.startswith(SECRET_MARK)


def _outline(key: str, value: Any, rule: Rule) -> Outline:
    """As versions up to this one outline a value."""
    if rule.of(key, value):
        return SECRET_MARK + _hash(value)
    if isinstance(value, dict):
        return {name: _outline(name, inner, rule) for name, inner in value.items()}
    if isinstance(value, list):
        return [_outline("", inner, rule) for inner in value]
    return _hash(_canonical(value))


def _hash(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).hexdigest()


# The outline of null, which is no secret under any key.
NULL = _hash(None)


def _canonical(value: Any) -> Any:
    if isinstance(value, str):
        parts = [_address(part.strip()) for part in value.split(",", 2)] if len(value) <= 128 else [None]
        return value if None in parts else ",".join(map(str, parts))
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _address(text: str) -> str | None:
    for read in (ipaddress.ip_address, ipaddress.ip_network):
        with suppress(ValueError):
            return str(read(text))
    return None
