"""Settings with their types: the defaults of ``config.default``, overridden by the environment."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

from config.default import Settings
from dcapi.errors import SettingsError

__all__ = ["PREFIX", "Settings", "from_environment", "settings_from"]

PREFIX = "DCAPI_"
# What only the tests of this project read.
TEST_PREFIX = "DCAPI_TEST_"

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a site from the environment; raises SettingsError for one that does not fit."""
    source = os.environ if environment is None else environment
    given = {name[len(PREFIX) :]: text for name, text in source.items() if name.startswith(PREFIX)}
    return settings_from(given)


def unknown_names(environment: Mapping[str, str]) -> list[str]:
    """Variables of this project's prefix that set nothing, most likely misspelt."""
    known = {field.name for field in dataclasses.fields(Settings)}
    names = (name for name in environment if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX))
    return sorted(name for name in names if name[len(PREFIX) :] not in known)


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Build settings from NAME → value or text; unknown names are left to others (Flask, tests)."""
    values = {
        field.name: _coerced(field.name, given[field.name], type(field.default))
        for field in dataclasses.fields(Settings)
        if field.name in given
    }
    settings = Settings(**values)
    _check(settings)
    return settings


def own_url(settings: Settings) -> str:
    """The URL of the address that a site listens on: its public one, unless something stands before it."""
    return f"{'https' if settings.TLS_CERTIFICATE_FILE else 'http'}://{settings.BIND}"


def _coerced(name: str, value: Any, wanted: type) -> Any:
    try:
        return COERCIONS[wanted](value)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{PREFIX}{name}={value!r} is not {KINDS[wanted]}") from error


def _boolean(value: Any) -> bool:
    word = str(value).strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ValueError(word)


def _finite(value: Any) -> float:
    number = float(value)
    if not 0 <= number < float("inf"):
        raise ValueError(value)
    return number


COERCIONS: dict[type, Callable[[Any], Any]] = {str: str, int: int, float: _finite, bool: _boolean}
KINDS: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number of at least 0",
    bool: "true or false",
}

# (setting, lowest value, highest value): outside of these a site would start and then not work.
LIMITS: tuple[tuple[str, float, float], ...] = (
    ("SQLITE_BUSY_TIMEOUT", 0, 3600),
    ("WORKERS", 1, 256),
    ("THREADS", 1, 1024),
    ("JOB_THREADS", 1, 1024),
    ("JOB_QUEUE_LIMIT", 1, 10**6),
    ("DRAIN_SECONDS", 0, 3600),
    ("TOKEN_TTL_SECONDS", 1, 10**8),
    ("KEYSTONE_TIMEOUT", 1, 60),
    ("KEYSTONE_TOKEN_CACHE_SECONDS", 0, 60),
    ("LEASE_SECONDS", 1, 3600),
    ("RECONCILE_SECONDS", 0.05, 3600),
    ("PEER_CONNECT_TIMEOUT", 0.05, 600),
    ("PEER_READ_TIMEOUT", 0.05, 600),
    ("PEER_MEMBER_THREADS", 1, 10),
    ("SYNC_DEADLINE", 1, 10**6),
    ("HEARTBEAT_INTERVAL_MIN", 1, 600),
    ("HEARTBEAT_INTERVAL_MAX", 1, 10**6),
    ("HEARTBEAT_THREADS", 1, 1024),
    ("REHOME_RETRY_SECONDS", 0, 3600),
    ("REHOME_ONLINE_SECONDS", 0, 10**6),
    ("OPERATION_SECRET_TTL", 1, 10**8),
    ("PEER_MAX_ANSWER", 1024, 2**31),
    ("MAX_CONTENT_LENGTH", 1024, 2**31),
    ("MAX_YAML_LENGTH", 1024, 2**31),
    ("PREFER_WAIT_MAX", 0, 3600),
    ("DEPLOY_PHASE_SECONDS", 0, 10**6),
    ("DEPLOY_FAILURE_RATE", 0, 1),
    ("DEPLOY_JITTER", 0, 1),
    ("PLAYBOOK_SECONDS", 1, 10**6),
    ("PLAYBOOKS_AT_ONCE", 1, 256),
    ("PLAYBOOK_OUTPUTS", 1, 1000),
    ("PLAYBOOK_OUTPUT_LIMIT", 1024, 2**30),
)

# Settings that take one of a few words.
CHOICES: dict[str, tuple[str, ...]] = {
    "AUTH_STRATEGY": ("embedded", "keystone"),
    "KEYSTONE_INTERFACE": ("internal", "public", "admin"),
    "JOBS_ENGINE": ("threads", "inline"),
    "DEPLOYER": ("simulated", "ansible"),
    "LOG_LEVEL": ("DEBUG", "INFO", "WARNING", "ERROR"),
    "LOG_FORMAT": ("plain", "json"),
}


def _check(settings: Settings) -> None:
    for name, lowest, highest in LIMITS:
        if not lowest <= getattr(settings, name) <= highest:
            raise SettingsError(
                f"{PREFIX}{name}={getattr(settings, name)} is not between {lowest} and {highest}"
            )
    for name, words in CHOICES.items():
        if getattr(settings, name) not in words:
            raise SettingsError(
                f"{PREFIX}{name}={getattr(settings, name)!r} is not one of: {', '.join(words)}"
            )
    _check_together(settings)
    if settings.AUTH_STRATEGY == "keystone":
        _check_keystone(settings)


def _check_together(settings: Settings) -> None:
    if settings.PEER_CONNECT_TIMEOUT + settings.PEER_READ_TIMEOUT >= settings.LEASE_SECONDS:
        raise SettingsError(
            f"{PREFIX}LEASE_SECONDS={settings.LEASE_SECONDS} must be above PEER_CONNECT_TIMEOUT + "
            f"PEER_READ_TIMEOUT: a request must end before the lease that it runs under"
        )
    if settings.HEARTBEAT_INTERVAL_MIN > settings.HEARTBEAT_INTERVAL_MAX:
        raise SettingsError(
            f"{PREFIX}HEARTBEAT_INTERVAL_MIN={settings.HEARTBEAT_INTERVAL_MIN} is above "
            f"HEARTBEAT_INTERVAL_MAX={settings.HEARTBEAT_INTERVAL_MAX}"
        )
    if settings.DEPLOYER == "ansible" and settings.PLAYBOOK_SECONDS > settings.OPERATION_SECRET_TTL:
        raise SettingsError(
            f"{PREFIX}PLAYBOOK_SECONDS={settings.PLAYBOOK_SECONDS:g} is above OPERATION_SECRET_TTL: what a "
            "playbook is told must not be forgotten while it runs"
        )
    if settings.TLS_KEY_FILE and not settings.TLS_CERTIFICATE_FILE:
        raise SettingsError(f"{PREFIX}TLS_KEY_FILE is set without {PREFIX}TLS_CERTIFICATE_FILE")
    _check_url("PUBLIC_URL", settings.PUBLIC_URL)
    if not settings.SITE_NAME.strip():
        raise SettingsError(f"{PREFIX}SITE_NAME is empty: other sites know this one by its name")


def _check_url(name: str, url: str) -> None:
    """A URL that is told to callers without a token; empty: there is none."""
    if "@" in url:
        raise SettingsError(f"{PREFIX}{name} names a user: everybody may read it, so it can hold no password")
    if url and not url.startswith(("http://", "https://")):
        raise SettingsError(f"{PREFIX}{name}={url!r} is no http or https URL")


# Settings without which Keystone cannot be asked about tokens.
KEYSTONE_NEEDS = ("KEYSTONE_AUTH_URL", "KEYSTONE_USERNAME", "KEYSTONE_PASSWORD", "KEYSTONE_PROJECT_NAME")


def _check_keystone(settings: Settings) -> None:
    missing = [f"{PREFIX}{name}" for name in KEYSTONE_NEEDS if not getattr(settings, name).strip()]
    if missing:
        raise SettingsError(f"{PREFIX}AUTH_STRATEGY=keystone takes {', '.join(missing)} as well")
    for name in ("KEYSTONE_AUTH_URL", "KEYSTONE_PUBLIC_URL"):
        _check_url(name, getattr(settings, name))
    if settings.KEYSTONE_CAFILE and not os.path.isfile(settings.KEYSTONE_CAFILE):
        raise SettingsError(f"{PREFIX}KEYSTONE_CAFILE={settings.KEYSTONE_CAFILE!r} is no file")
