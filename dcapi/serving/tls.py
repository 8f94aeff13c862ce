"""TLS of a site's own: a certificate that was renewed counts for the next connection."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Any

from gunicorn.sock import ssl_context

from dcapi.instance import Stamp, stamp_of

logger = logging.getLogger(__name__)


class Certificates:
    """The context of new connections, made anew when one of its files has changed."""

    def __init__(self, cfg: Any) -> None:
        self._cfg = cfg
        self._files = [Path(name) for name in (cfg.certfile, cfg.keyfile, cfg.ca_certs) if name]
        self._known: tuple[list[Stamp], ssl.SSLContext] | None = None

    def context(self) -> ssl.SSLContext:
        """With files that cannot be used the last one is kept; raises OSError when there is none."""
        try:
            stamps = [stamp_of(file) for file in self._files]
            if self._known is None or self._known[0] != stamps:
                self._known = stamps, ssl_context(self._cfg)
        except OSError as error:
            if self._known is None:
                raise
            logger.warning("the certificate cannot be read, the last one goes on being used: %s", error)
        return self._known[1]
