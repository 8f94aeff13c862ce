"""Whether the parts of this process can do their work, one word for each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from dcapi import audit_log
from dcapi.deploy.playbooks.paths import trouble_of_playbooks
from dcapi.models.database_trouble import DatabaseTrouble
from dcapi.runtime import Runtime

READY, DEGRADED, NOT_READY = "ready", "degraded", "not ready"

OK = "ok"


class Word(StrEnum):
    """What is said of a part that does not work; the words of the database are DatabaseTrouble's."""

    UNKNOWN = "unknown"  # the database cannot be asked
    OTHER = "other-version"  # the database is of an older or a newer version
    STOPPING = "stopping"
    MISSING = "missing"
    BROKEN = "broken"
    AWAY = "away"
    FAILING = "failing"


# Part → the words that may be said of it.
WORDS: Mapping[str, tuple[str, ...]] = {
    "database": (OK, *DatabaseTrouble),
    "migrations": (OK, Word.OTHER, Word.UNKNOWN),
    "executor": (OK, Word.STOPPING),
    "identity": (OK, Word.MISSING, Word.BROKEN),
    "keystone": (OK, Word.AWAY),
    "audit": (OK, Word.FAILING),
    "playbooks": (OK, Word.MISSING, Word.BROKEN),
}

# Parts that only some sites have.
SOMETIMES = ("identity", "keystone", "playbooks")

# Parts without which requests are answered: no balancer is to take such a site away, whose peers would then
# declare it lost.
SPARE = {"audit", "playbooks", "keystone"}


def check(runtime: Runtime) -> dict[str, str]:
    """Part → how it is, ``ok`` or a word for what is wrong. Who calls is for the strategies to judge."""
    checks = _database(runtime)
    checks["executor"] = Word.STOPPING if runtime.jobs.stopping else OK
    checks["audit"] = Word.FAILING if audit_log.problem() else OK
    if runtime.settings.DEPLOYER == "ansible":
        checks["playbooks"] = trouble_of_playbooks(runtime.settings) or OK
    return checks


def _database(runtime: Runtime) -> dict[str, str]:
    seen = runtime.database.look()
    current = {True: OK, False: Word.OTHER, None: Word.UNKNOWN}[seen.read]
    return {"database": seen.trouble or OK, "migrations": current}


def verdict(checks: Mapping[str, str]) -> str:
    """What the parts mean for the process: ``ready``, ``degraded`` while it does its work all the same, else
    ``not ready``."""
    broken = {part for part, word in checks.items() if word != OK}
    if not broken:
        return READY
    return DEGRADED if broken <= SPARE else NOT_READY
