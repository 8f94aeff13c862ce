"""How gunicorn serves a site; everything that differs between sites comes from its DCAPI_* environment."""

from __future__ import annotations

import math
import ssl

from dcapi.serving import hooks
from dcapi.serving.checks import checked_settings

# What a worker may need, in seconds, besides draining its jobs: the requests that are under way.
REQUESTS_END_SECONDS = 10

settings = checked_settings()

bind = settings.BIND
if settings.TLS_CERTIFICATE_FILE:
    # Read for each connection: one that was renewed counts at once.
    certfile = settings.TLS_CERTIFICATE_FILE
    keyfile = settings.TLS_KEY_FILE or settings.TLS_CERTIFICATE_FILE
if settings.TLS_CLIENT_CA_FILE:
    # Whoever shows one shows one that is trusted; who has to is for dcapi.api.site_certificates to judge.
    ca_certs = settings.TLS_CLIENT_CA_FILE
    cert_reqs = ssl.CERT_OPTIONAL
# What a proxy says is for dcapi.api.proxies to judge, whatever gunicorn would believe by default.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
workers = settings.WORKERS
worker_class = "dcapi.serving.worker.Worker"
threads = settings.THREADS
worker_connections = settings.CONNECTIONS
# After this gunicorn kills a worker: the jobs must have had their time by then.
graceful_timeout = math.ceil(settings.DRAIN_SECONDS) + REQUESTS_END_SECONDS
control_socket_disable = True
# What a worker writes is for this site's user alone.
umask = 0o077
proc_name = f"dcapi {settings.SITE_NAME}"

loglevel = settings.LOG_LEVEL.lower()
errorlog = "-"
accesslog = "-"
logger_class = "dcapi.serving.logger.Logger"

on_starting = hooks.on_starting
on_exit = hooks.on_exit
post_fork = hooks.post_fork
post_worker_init = hooks.post_worker_init
worker_exit = hooks.worker_exit
