"""Every setting of a site with its default. Each is set from the environment as ``DCAPI_<NAME>``.

The comment above a setting is its documentation: docs/settings.md is generated from this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """What describes one site; every field can be overridden by the environment variable of its name."""

    # -- The site --
    # Address and port to listen on.
    BIND: str = "127.0.0.1:8119"
    # URL under which clients and peers reach this site, without a path; empty: made from BIND.
    PUBLIC_URL: str = ""
    # Name of this site, as other sites see it in the leader of a peer group.
    SITE_NAME: str = "site-a"
    # UUID of this site; empty: made at the first start and kept in the database.
    SITE_UUID: str = ""
    # Folder for keys, users and the default database; relative to the folder of wsgi.py.
    INSTANCE_PATH: str = "instance"
    # Database; empty: a SQLite file in the instance folder. postgresql:// needs requirements-postgres.txt.
    SQLALCHEMY_DATABASE_URI: str = ""
    # Seconds that a SQLite writer waits for another one.
    SQLITE_BUSY_TIMEOUT: float = 30.0
    # Software version of a new subcloud that names no release.
    SOFTWARE_VERSION: str = "24.09"

    # -- Who may call --
    # Who checks tokens: embedded (users in identity.yaml of the instance folder).
    AUTH_STRATEGY: str = "embedded"
    # Password of the first user, admin; empty: made at random at the first start and kept in the instance
    # folder.
    ADMIN_PASSWORD: str = field(default="", repr=False)
    # Seconds for which an embedded token is valid.
    TOKEN_TTL_SECONDS: int = 3600
    # Keys for the secrets in the database, comma-separated, the first one encrypts; empty: made in the
    # instance folder.
    SECRETS_KEYS: str = field(default="", repr=False)

    # -- The process --
    # Worker processes.
    WORKERS: int = 1
    # Request threads of a worker.
    THREADS: int = 16
    # Job threads of a worker.
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
    # Seconds after which what a long operation needs beyond its rows (a password) is forgotten.
    OPERATION_SECRET_TTL: int = 3600
    # Largest request body, in bytes.
    MAX_CONTENT_LENGTH: int = 16 * 1024 * 1024
    # Largest YAML document in a request, in bytes.
    MAX_YAML_LENGTH: int = 1024 * 1024
    # Longest wait that a Prefer header may ask for, in seconds.
    PREFER_WAIT_MAX: int = 120
    # Lowest level that is logged.
    LOG_LEVEL: str = "INFO"

    # -- Peers --
    # Seconds to connect to a peer.
    PEER_CONNECT_TIMEOUT: float = 5.0
    # Seconds to wait for a peer's answer.
    PEER_READ_TIMEOUT: float = 30.0
    # File with the certificates that vouch for https peers; empty: the well-known public ones.
    PEER_CA_FILE: str = ""
    # Largest answer that is read from a peer, in bytes.
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

    # -- Deployment --
    # What turns a subcloud into a running one: simulated.
    DEPLOYER: str = "simulated"
    # Seconds that each phase of a simulated deployment takes.
    DEPLOY_PHASE_SECONDS: float = 2.0
    # Simulated failures: NAME:PHASE pairs, comma-separated; phases: create, install, bootstrap, config.
    DEPLOY_FAILURES: str = ""
