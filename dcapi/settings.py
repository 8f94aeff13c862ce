"""Every setting of a site with its default, and how it is read: from the environment, as ``DCAPI_<NAME>``.

The comment above a setting is its documentation: docs/settings.md and config/dcapi.env.example are generated
from this file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from dcapi.errors import SettingsError

PREFIX = "DCAPI_"
# What only the tests of this project read.
TEST_PREFIX = "DCAPI_TEST_"

# Characters of a site's name that the tables of all sites hold.
LONGEST_SITE_NAME = 255

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}


@dataclass(frozen=True)
class Settings:
    """What describes one site; every field can be overridden by the environment variable of its name."""

    # -- The site --
    # Address and port to listen on.
    BIND: str = "127.0.0.1:8119"
    # URL under which clients and peers reach this site, without a path; empty: made from BIND.
    PUBLIC_URL: str = ""
    # File with the certificate, and any intermediate ones, to serve https with; empty: http.
    TLS_CERTIFICATE_FILE: str = ""
    # File with the key of that certificate, without a passphrase; empty: it is in the same file.
    TLS_KEY_FILE: str = ""
    # File with the certificates that vouch for other sites; only a client whose certificate they signed may
    # call as one. Empty: nobody is asked for a certificate. Needs TLS_CERTIFICATE_FILE.
    TLS_CLIENT_CA_FILE: str = ""
    # Addresses and networks of proxies whose X-Forwarded-For, -Proto and -Host count, comma-separated; unix
    # for one that uses a Unix socket. Failed logins of clients behind any other one count as one address's.
    TRUSTED_PROXIES: str = ""
    # Name of this site, as other sites see it in the leader of a peer group. A new one counts for the groups
    # that it leads from the next start on, for their copies from the next sync on.
    SITE_NAME: str = "site-a"
    # UUID of this site; empty: made at the first start and kept in the database.
    SITE_UUID: str = ""
    # Folder for keys, users and the default database; relative to the folder of wsgi.py.
    INSTANCE_PATH: str = "instance"
    # Database; empty: a SQLite file in the instance folder. postgresql:// needs requirements-postgres.txt.
    SQLALCHEMY_DATABASE_URI: str = field(default="", repr=False)
    # Seconds that a SQLite writer waits for another one.
    SQLITE_BUSY_TIMEOUT: float = 8.0
    # Seconds to connect to PostgreSQL, at each of its hosts; rounded up to whole ones.
    DATABASE_CONNECT_TIMEOUT: float = 3.0
    # Seconds for one statement on PostgreSQL; half a second later its connection is given up.
    DATABASE_STATEMENT_TIMEOUT: float = 7.0
    # Seconds that a statement on PostgreSQL waits for one lock.
    DATABASE_LOCK_TIMEOUT: float = 6.0
    # Seconds after which a connection to PostgreSQL counts as lost when nothing acknowledges what was sent.
    DATABASE_TCP_TIMEOUT: float = 5.0
    # Software version of a new subcloud that names no release.
    SOFTWARE_VERSION: str = "24.09"

    # -- Who may call --
    # Who checks tokens: embedded (users in identity.yaml of the instance folder) or keystone (needs
    # requirements-keystone.txt and the settings below).
    AUTH_STRATEGY: str = "embedded"
    # File with rights that differ from the defaults; relative to the folder of wsgi.py; empty:
    # config/policy.yaml.
    POLICY_FILE: str = ""
    # Password of the first user, admin; empty: made at random at the first start and kept in the instance
    # folder. A start applies it when it differs from the last one that was applied.
    ADMIN_PASSWORD: str = field(default="", repr=False)
    # Seconds for which an embedded token is valid.
    TOKEN_TTL_SECONDS: int = 3600
    # Keys for the secrets in the database, comma-separated, the first one encrypts; empty: made in the
    # instance folder.
    SECRETS_KEYS: str = field(default="", repr=False)

    # -- Keystone --
    # URL of Keystone, with or without /v3, as this site reaches it.
    KEYSTONE_AUTH_URL: str = ""
    # URL of Keystone that callers without a token are sent to; empty: the one above.
    KEYSTONE_PUBLIC_URL: str = ""
    # User that asks Keystone about tokens; in most clouds it needs the role service.
    KEYSTONE_USERNAME: str = ""
    # Password of that user.
    KEYSTONE_PASSWORD: str = field(default="", repr=False)
    # Domain of that user.
    KEYSTONE_USER_DOMAIN_NAME: str = "Default"
    # Project that this user logs in to.
    KEYSTONE_PROJECT_NAME: str = "services"
    # Domain of that project; only projects of this domain count as a caller's.
    KEYSTONE_PROJECT_DOMAIN_NAME: str = "Default"
    # File with the certificates that vouch for Keystone over https; empty: the well-known public ones.
    KEYSTONE_CAFILE: str = ""
    # Region of the identity endpoint in Keystone's catalogue; empty: the first one there.
    KEYSTONE_REGION_NAME: str = ""
    # Interface of the identity endpoint in Keystone's catalogue.
    KEYSTONE_INTERFACE: str = "internal"
    # Seconds to connect to Keystone, and to wait for its answer; it is asked once more when that fails.
    KEYSTONE_TIMEOUT: int = 5
    # Seconds until Keystone is asked again about a token that it confirmed; 0: it is asked each time.
    KEYSTONE_TOKEN_CACHE_SECONDS: int = 60

    # -- The process --
    # Worker processes.
    WORKERS: int = 1
    # Request threads of a worker.
    THREADS: int = 16
    # Job threads of a worker; a quarter of them, at least two, call one peer at once.
    JOB_THREADS: int = 8
    # Jobs that may wait in a worker; a hint above that is dropped, the reconciler finds its work later.
    JOB_QUEUE_LIMIT: int = 1000
    # Who runs jobs: threads (of this process) or inline (by the caller, for tests).
    JOBS_ENGINE: str = "threads"
    # Seconds that a stopping worker gives its running jobs.
    DRAIN_SECONDS: float = 20.0
    # Seconds between two sweeps of the reconciler.
    RECONCILE_SECONDS: float = 10.0
    # Seconds for which a lease is taken; it is renewed while its holder works.
    LEASE_SECONDS: float = 60.0
    # Seconds after which the secrets of long work (a password) are forgotten.
    OPERATION_SECRET_TTL: int = 3600
    # Requests that one user may make in a second, in each worker; 0: any number. Above that they are answered
    # 429. A peer's syncs and heartbeats count for its user; its GET and PATCH of one subcloud do not.
    USER_REQUESTS_PER_SECOND: float = 0.0
    # Seconds that a client may take for a TLS handshake, and then for the head of a request.
    HEAD_SECONDS: float = 30.0
    # Seconds that a request body may take whatever its speed.
    BODY_SECONDS: float = 30.0
    # Bytes of it that have to come in each second from then on.
    BODY_BYTES_PER_SECOND: int = 500
    # Seconds that a client may take nothing of its answer.
    ANSWER_SECONDS: float = 60.0
    # Seconds that a connection is kept on which nothing is asked; longer than clients and peers keep theirs.
    IDLE_SECONDS: float = 75.0
    # Connections of a worker, and less where it may not open as many files; for one more, one is closed that
    # is idle, or has not sent a whole head.
    CONNECTIONS: int = 1000
    # Connections of one address that may be in progress in a worker, those that are idle not counted; 0: any
    # number. Behind a trusted proxy they are counted by the client that it names. Above that they are
    # answered 429.
    CONNECTIONS_PER_ADDRESS: int = 0
    # Bytes of all request bodies that a worker keeps at once; above that they are answered 503.
    BODIES_LIMIT: int = 256 * 1024 * 1024
    # Largest request body, in bytes.
    MAX_CONTENT_LENGTH: int = 16 * 1024 * 1024
    # Largest YAML document in a request, in bytes.
    MAX_YAML_LENGTH: int = 1024 * 1024
    # Longest wait that a Prefer header may ask for, in seconds.
    PREFER_WAIT_MAX: int = 120
    # Lowest level that is logged.
    LOG_LEVEL: str = "INFO"
    # How a line of the log looks: plain, or json for one JSON object a line.
    LOG_FORMAT: str = "plain"
    # File for the audit log, absolute or relative to the folder of wsgi.py; empty: in the log.
    AUDIT_FILE: str = ""
    # Refuse changes and logins (503) while that file cannot be written; else their lines then go to standard
    # error. Needs AUDIT_FILE.
    AUDIT_STRICT: bool = False

    # -- Peers --
    # Seconds to connect to a peer.
    PEER_CONNECT_TIMEOUT: float = 5.0
    # Seconds to wait for a peer's answer.
    PEER_READ_TIMEOUT: float = 30.0
    # File with the certificates that vouch for https peers; empty: the well-known public ones.
    PEER_CA_FILE: str = ""
    # Call https peers without checking their certificates: whoever answers gets their passwords.
    PEER_TLS_INSECURE: bool = False
    # Hosts that peers may be called at, as HOST or HOST:PORT, comma-separated; empty: wherever a system peer
    # says, and for its other services at the host of its identity service.
    PEER_ALLOWED_HOSTS: str = ""
    # Call peers at loopback addresses of this machine, although BIND is none and PEER_ALLOWED_HOSTS does not
    # name them.
    PEER_LOOPBACK: bool = False
    # File with the certificate that this site shows to https peers which ask for one; empty: it shows none.
    PEER_CLIENT_CERTIFICATE_FILE: str = ""
    # File with the key of that certificate, without a passphrase; empty: it is in the same file.
    PEER_CLIENT_KEY_FILE: str = ""
    # Largest list of members that is accepted from a peer, in bytes. Any other answer may have 8 MiB, or four
    # times MAX_YAML_LENGTH if that is more, but no more than this.
    PEER_MAX_ANSWER: int = 64 * 1024 * 1024
    # Members of a group that are sent to a peer side by side.
    PEER_MEMBER_THREADS: int = 10
    # Seconds that one sync may take as a whole.
    SYNC_DEADLINE: float = 3600.0
    # Lowest heartbeat interval that a system peer may have, in seconds.
    HEARTBEAT_INTERVAL_MIN: int = 10
    # Highest heartbeat interval that a system peer may have, in seconds.
    HEARTBEAT_INTERVAL_MAX: int = 600
    # Peers that a worker asks for a heartbeat side by side.
    HEARTBEAT_THREADS: int = 16

    # -- Migration --
    # Seconds between two attempts to have another site give up a subcloud; there are three.
    REHOME_RETRY_SECONDS: float = 5.0
    # Seconds that a peer has to see what it was told; waits for one that runs the original are multiples.
    PEER_PATIENCE_SECONDS: float = 10.0
    # Seconds that a rehomed subcloud has to come online.
    REHOME_ONLINE_SECONDS: float = 600.0

    # -- Deployment --
    # What deploys subclouds: simulated, or ansible (needs requirements-ansible.txt).
    DEPLOYER: str = "simulated"
    # Seconds that each phase of a simulated deployment takes.
    DEPLOY_PHASE_SECONDS: float = 2.0
    # Simulated failures: NAME:PHASE, ADDRESS:PHASE or NAME@ADDRESS:PHASE, comma-separated; the address is the
    # bootstrap address. Phases: create, install, bootstrap, config, enroll-init, enroll, shutdown, rehome,
    # reconfigure, prestage, delete; and abort, which is the abort of any phase.
    DEPLOY_FAILURES: str = ""
    # Share of the simulated phases that fail, from 0 to 1; the seed decides which.
    DEPLOY_FAILURE_RATE: float = 0.0
    # Share by which the time of a simulated phase may differ, from 0 to 1; the seed decides by how much.
    DEPLOY_JITTER: float = 0.0
    # Seed of the simulation: the same seed gives the same failures and times.
    DEPLOY_SEED: int = 0
    # Folder of the operator's playbooks (install.yml, bootstrap.yml and so on: docs/deployers.md) for the
    # deployer ansible; relative to the folder of wsgi.py.
    PLAYBOOKS: str = ""
    # Seconds that one playbook may take; not more than OPERATION_SECRET_TTL.
    PLAYBOOK_SECONDS: float = 3600.0
    # Playbooks that run on this host at once; the others wait.
    PLAYBOOKS_AT_ONCE: int = 10
    # Playbook outputs kept for each subcloud.
    PLAYBOOK_OUTPUTS: int = 10
    # Characters kept of one output: its beginning and its end.
    PLAYBOOK_OUTPUT_LIMIT: int = 1024 * 1024


# (setting, lowest value, highest value): outside of these a site would start and then not work.
LIMITS: tuple[tuple[str, float, float], ...] = (
    ("SQLITE_BUSY_TIMEOUT", 0, 3600),
    ("DATABASE_CONNECT_TIMEOUT", 2, 60),
    ("DATABASE_STATEMENT_TIMEOUT", 0.1, 3600),
    ("DATABASE_LOCK_TIMEOUT", 0.1, 3600),
    ("DATABASE_TCP_TIMEOUT", 1, 3600),
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
    ("PEER_PATIENCE_SECONDS", 0.05, 3600),
    ("OPERATION_SECRET_TTL", 1, 10**8),
    ("USER_REQUESTS_PER_SECOND", 0, 10**6),
    ("PEER_MAX_ANSWER", 1024, 2**31),
    ("HEAD_SECONDS", 0.1, 3600),
    ("BODY_SECONDS", 0.1, 3600),
    ("BODY_BYTES_PER_SECOND", 0, 10**9),
    ("ANSWER_SECONDS", 0.1, 3600),
    ("IDLE_SECONDS", 1, 3600),
    ("CONNECTIONS", 2, 10**6),
    ("CONNECTIONS_PER_ADDRESS", 0, 10**6),
    ("BODIES_LIMIT", 1024, 2**40),
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

# Settings that mean nothing without another one.
NEEDS: dict[str, str] = {
    "TLS_KEY_FILE": "TLS_CERTIFICATE_FILE",
    "TLS_CLIENT_CA_FILE": "TLS_CERTIFICATE_FILE",
    "PEER_CLIENT_KEY_FILE": "PEER_CLIENT_CERTIFICATE_FILE",
    "AUDIT_STRICT": "AUDIT_FILE",
}


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a site from the environment; raises SettingsError for one that does not fit."""
    source = os.environ if environment is None else environment
    given = {name[len(PREFIX) :]: text for name, text in source.items() if name.startswith(PREFIX)}
    return settings_from(given)


def unknown_names(environment: Mapping[str, str]) -> list[str]:
    """Variables of this project's prefix that set nothing, most likely misspelt."""
    known = {setting.name for setting in fields(Settings)}
    names = (name for name in environment if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX))
    return sorted(name for name in names if name[len(PREFIX) :] not in known)


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Build settings from NAME → value or text; unknown names are left to others (Flask, tests)."""
    values = {
        setting.name: _coerced(setting.name, given[setting.name], type(setting.default))
        for setting in fields(Settings)
        if setting.name in given
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
    for name, needed in NEEDS.items():
        if getattr(settings, name) and not getattr(settings, needed):
            raise SettingsError(f"{PREFIX}{name} is set without {PREFIX}{needed}")
    _check_url("PUBLIC_URL", settings.PUBLIC_URL)
    if not settings.SITE_NAME.strip():
        raise SettingsError(f"{PREFIX}SITE_NAME is empty: other sites know this one by its name")
    if len(settings.SITE_NAME) > LONGEST_SITE_NAME:
        raise SettingsError(f"{PREFIX}SITE_NAME is longer than {LONGEST_SITE_NAME} characters")


def _check_url(name: str, url: str) -> None:
    """A URL that is told to callers without a token; empty: there is none."""
    if "@" in url:
        raise SettingsError(f"{PREFIX}{name} names a user: everybody may read it, so it can hold no password")
    if url and not url.startswith(("http://", "https://")):
        raise SettingsError(f"{PREFIX}{name}={url!r} is not an http or https URL")


# Settings without which Keystone cannot be asked about tokens.
KEYSTONE_NEEDS = ("KEYSTONE_AUTH_URL", "KEYSTONE_USERNAME", "KEYSTONE_PASSWORD", "KEYSTONE_PROJECT_NAME")


def _check_keystone(settings: Settings) -> None:
    missing = [f"{PREFIX}{name}" for name in KEYSTONE_NEEDS if not getattr(settings, name).strip()]
    if missing:
        raise SettingsError(f"{PREFIX}AUTH_STRATEGY=keystone also needs {', '.join(missing)}")
    for name in ("KEYSTONE_AUTH_URL", "KEYSTONE_PUBLIC_URL"):
        _check_url(name, getattr(settings, name))
    if settings.KEYSTONE_CAFILE and not os.path.isfile(settings.KEYSTONE_CAFILE):
        raise SettingsError(f"{PREFIX}KEYSTONE_CAFILE={settings.KEYSTONE_CAFILE!r} is not a file")
