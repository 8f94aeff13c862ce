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
    # File with the certificate (and those between it and its authority) to serve https with; empty: http.
    TLS_CERTIFICATE_FILE: str = ""
    # File with the key of that certificate, without a passphrase; empty: it is in the same file.
    TLS_KEY_FILE: str = ""
    # Addresses and networks of proxies whose X-Forwarded-For, -Proto and -Host count, comma-separated; unix
    # for one that uses a Unix socket.
    TRUSTED_PROXIES: str = ""
    # Name of this site, as other sites see it in the leader of a peer group.
    SITE_NAME: str = "site-a"
    # UUID of this site; empty: made at the first start and kept in the database.
    SITE_UUID: str = ""
    # Folder for keys, users and the default database; relative to the folder of wsgi.py.
    INSTANCE_PATH: str = "instance"
    # Database; empty: a SQLite file in the instance folder. postgresql:// needs requirements-postgres.txt.
    SQLALCHEMY_DATABASE_URI: str = field(default="", repr=False)
    # Seconds that a SQLite writer waits for another one.
    SQLITE_BUSY_TIMEOUT: float = 30.0
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
    # folder.
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
    # User that asks Keystone about tokens, which takes the role service in most clouds.
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
    # Seconds for which a token that Keystone confirmed is not asked about again; 0: asked about each time.
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
    # How a line of the log looks: plain, or json for one JSON object a line.
    LOG_FORMAT: str = "plain"
    # File for the audit log, absolute or relative to the folder of wsgi.py; empty: in the log.
    AUDIT_FILE: str = ""

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
    # and the catalogue of its identity service say.
    PEER_ALLOWED_HOSTS: str = ""
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

    # -- Migration --
    # Seconds between two tries to have another site give a subcloud away; there are three.
    REHOME_RETRY_SECONDS: float = 5.0
    # Seconds that a subcloud that was rehomed gets to come online.
    REHOME_ONLINE_SECONDS: float = 600.0

    # -- Deployment --
    # What turns a subcloud into a running one: simulated, or ansible (needs requirements-ansible.txt).
    DEPLOYER: str = "simulated"
    # Seconds that each phase of a simulated deployment takes.
    DEPLOY_PHASE_SECONDS: float = 2.0
    # Simulated failures: NAME:PHASE, ADDRESS:PHASE or NAME@ADDRESS:PHASE, comma-separated; the address is the
    # bootstrap address. Phases: create, install, bootstrap, config, rehome, reconfigure, prestage, delete.
    DEPLOY_FAILURES: str = ""
    # Share of the simulated phases that fail, from 0 to 1; which ones, the seed decides.
    DEPLOY_FAILURE_RATE: float = 0.0
    # Share by which the time of a simulated phase may differ, from 0 to 1; by how much, the seed decides.
    DEPLOY_JITTER: float = 0.0
    # Seed of the simulation: the same one gives the same failures and times.
    DEPLOY_SEED: int = 0
    # Folder of the operator's playbooks (install.yml, bootstrap.yml and so on: docs/deployers.md) for the
    # deployer ansible; relative to the folder of wsgi.py.
    PLAYBOOKS: str = ""
    # Seconds that one playbook may take; not more than OPERATION_SECRET_TTL.
    PLAYBOOK_SECONDS: float = 3600.0
    # Playbooks that run on this host at once; the others wait.
    PLAYBOOKS_AT_ONCE: int = 10
    # Outputs of playbooks that are kept for each subcloud.
    PLAYBOOK_OUTPUTS: int = 10
    # Characters that are kept of one output: its beginning and its end.
    PLAYBOOK_OUTPUT_LIMIT: int = 1024 * 1024
