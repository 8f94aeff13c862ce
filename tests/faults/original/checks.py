"""What must hold of a site of this project and an original once things are quiet."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from dcapi.lab.operator import Json
from dcapi.lab.original.record import SENT, SERVED, Entry
from dcapi.lab.original.version import Version
from tests.faults.checks import GROUPS, SAME_FIELDS
from tests.faults.databases import leftovers
from tests.faults.fields import NETWORK, install_of, payload_of
from tests.faults.fields import SECRET_KEY as PASSWORD_KEY
from tests.faults.networks import GATEWAY_KEY, compared_network
from tests.faults.original.picture import COMPLETE, MIGRATING, Picture, take
from tests.faults.original.session import TEXTS, OriginalSession, Shared
from tests.faults.original.world import D, O
from tests.faults.pace import paced
from tests.faults.world import SETTINGS

PATIENCE = float(SETTINGS["PEER_PATIENCE_SECONDS"])
AUDIT_PATH = r"/v1\.0/subcloud-peer-groups/[^/]+/audit"
LOGIN_PATH = "/v3/auth/tokens"
# A stretch in which nothing happens, and how many requests for an audit may come in it from one site.
STRETCH_SECONDS = paced(3.0)
QUIET_AUDITS = 1
# A site that is not followed asks again after 1, 2, 4 … patiences; news has it ask at once, too.
STORM_SECONDS, STORM_AUDITS = 4 * PATIENCE, 6
# The peer does not follow, and D has said so.
UNFOLLOWED = re.compile(r"was asked \d+ times to follow|cannot be told otherwise")


# -- Whether it is quiet --


def unsettled(session: OriginalSession) -> list[str]:
    """Why things are not quiet yet; empty when they are."""
    world, pictures = session.world, [take(session.world, shared) for shared in session.groups]
    left = leftovers(world.database, time.time())
    if all(UNFOLLOWED.search(picture.d.message) for picture in pictures):
        left = replace(left, auditing=[])
    found = [] if left.nothing else [f"D: {left}"]
    peer_at_d = world.at_d.one("system-peers", world.o.name)["availability-state"]
    for site, state in ((D, peer_at_d), (O, world.o.peer(world.d.name).availability)):
        if state != "available":
            found.append(f"the other site is {state} for {site}")
    if world.o.migrates():
        found.append("O migrates")
    for picture in pictures:
        found += group_unsettled(picture, world.o.switches.version, o_was_killed=session.o_was_killed)
    return found


def group_unsettled(picture: Picture, version: Version, *, o_was_killed: bool = False) -> list[str]:
    """What is not at rest in a group, or not agreed on."""
    name, d, o = picture.shared.name, picture.d, picture.o
    found = [f"{one} of {name} is managed at both sites" for one in sorted(d.manages & o.manages)]
    if d.leader != o.leader:
        found.append(f"{name} is led by {d.leader} for D, by {o.leader} for O")
    if d.status is not None:
        found.append(f"{name} is {d.status} at D")
    stays_complete = version is Version.V1 and o.status == COMPLETE
    if o.status is not None and not stays_complete:
        found.append(f"{name} is {o.status} at O{'' if o.works or o.status != MIGRATING else ', left over'}")
    if o.sync_status == "syncing":
        found.append(f"{name} is syncing at O")
    # An original tells its status once, before it writes its own: what the wire took from that is known at O
    # alone, and what O was killed after at D alone.
    shown = {o.sync_status, d.sync_status if o_was_killed else None}
    is_untold = picture.shared.primary == O and "out-of-sync" in shown
    if d.sync_status != o.sync_status and not (d.says_why or o.says_why or is_untold):
        found.append(f"{name} is {d.sync_status} at D, {o.sync_status} at O, and neither says why")
    if picture.nowhere and d.sync_status == "in-sync":
        found.append(f"{name} is in-sync at D, and nobody manages {picture.nowhere}")
    return found


# -- What is equal --


def differences(session: OriginalSession, shared: Shared) -> list[str]:
    """How the copy of a group differs from the group at its home, and what D lost of it."""
    home, away = session.world.at(shared.primary), session.world.at(shared.secondary)
    here = {one["name"]: one for one in home.members(shared.name)}
    there = {one["name"]: one for one in away.members(shared.name)}
    found = []
    for where, members in ((shared.primary, here), (shared.secondary, there)):
        found += [f"{name} is missing at {where}" for name in shared.members if name not in members]
        found += [f"{name} came to {where}" for name in members if name not in shared.members]
    for name in here.keys() & there.keys():
        found += _member_differences(here[name], there[name])
    return found + _lost(session, shared, here if shared.primary == D else there)


def _member_differences(here: Json, there: Json) -> list[str]:
    name = here["name"]
    fields = {field: (here[field] or "", there[field] or "") for field in SAME_FIELDS}
    values, copied = _payload(here), _payload(there)
    fields |= {key: (value, copied.get(key)) for key, value in values.items()}
    installed = install_of(there)
    fields |= {f"install value {key}": (value, installed.get(key)) for key, value in install_of(here).items()}
    return [
        f"{field} of {name} is {one!r} at home, {other!r} at the other site"
        for field, (one, other) in fields.items()
        if one != other
    ]


def _payload(shown: Json) -> Json:
    """The values of a member but for what sites keep in other ways: gateway, texts, a password's encoding."""
    payload = payload_of(shown)
    for key in (GATEWAY_KEY, *TEXTS):
        payload.pop(key, None)
    return payload | compared_network(payload) | {PASSWORD_KEY: plain(payload.get(PASSWORD_KEY))}


def plain(password: str | None) -> str | None:
    """A password that may have been encoded in base64, more than once: each way to an original does it."""
    while password is not None:
        try:
            password = base64.b64decode(password, validate=True).decode()
        except ValueError:
            break
    return password


def _lost(session: OriginalSession, shared: Shared, at_d: dict[str, Json]) -> list[str]:
    if shared.primary != D:
        return []
    found = []
    for name in at_d.keys() & set(shared.members):
        shown = {text: at_d[name][text] for text in TEXTS}
        shown[NETWORK] = compared_network(payload_of(at_d[name]))
        for field, value in shown.items():
            found += session.ledger.unmet(name, field, value)
    return found


def not_in_sync(session: OriginalSession) -> list[str]:
    """Groups that are not home, in sync and equal at both sites."""
    found = []
    for shared in session.groups:
        picture = take(session.world, shared)
        if not picture.is_home:
            found.append(f"not home: {picture}")
        if (picture.d.sync_status, picture.o.sync_status) != ("in-sync", "in-sync"):
            found.append(f"not in-sync: {picture}")
        found += differences(session, shared)
    return found


# -- No storm --


def most_within(moments: Iterable[float], seconds: float) -> int:
    """The most of some moments that lie within so many seconds."""
    ordered, most, first = sorted(moments), 0, 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def storms(entries: Sequence[Entry]) -> list[str]:
    """Requests for an audit of one group that were heard and asked again sooner than they may be."""
    found = []
    for path in sorted({one.path for one in entries}):
        moments = [one.began for one in entries if one.path == path and one.code == 200]
        most = most_within(moments, STORM_SECONDS)
        if most > STORM_AUDITS:
            found.append(f"a storm: {most} requests {path} within {STORM_SECONDS:g} s")
    return found


def audits(session: OriginalSession, direction: str, since: int) -> list[Entry]:
    return session.world.o.record.entries(direction, "PATCH", AUDIT_PATH, since=since)


def unquiet(session: OriginalSession, since: int) -> list[str]:
    """What was written, or asked for too often, in a stretch in which nothing happened."""
    found = []
    for direction, way in ((SERVED, "D to O"), (SENT, "O to D")):
        asked = audits(session, direction, since)
        if len(asked) > QUIET_AUDITS:
            found.append(f"not quiet: {len(asked)} requests for an audit from {way}")
        writes = [
            one
            for one in session.world.o.record.entries(direction, since=since)
            if one.method not in ("GET", "HEAD") and one.path != LOGIN_PATH and one not in asked
        ]
        if writes:
            found.append(f"not quiet: from {way} {[str(one) for one in writes]}")
    return found


# -- D's log --


def log_problems(lines: Iterable[str]) -> list[str]:
    """What D's log must not have: a traceback, or an answer 500."""
    found = []
    for line in lines:
        if line.startswith("Traceback"):
            found.append("a traceback in D's log")
        elif " gunicorn.access " in line and re.search(r"\bstatus=500\b", line):
            found.append(f"D answered 500: {line}")
    return found


def missing_groups(session: OriginalSession) -> list[str]:
    """Groups that one of the sites has no more."""
    return [
        f"{shared.name} is not at {site}"
        for shared in session.groups
        for site in (D, O)
        if session.world.at(site).find(GROUPS, shared.name) is None
    ]
