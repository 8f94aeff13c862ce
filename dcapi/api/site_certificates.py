"""Where TLS_CLIENT_CA_FILE is set, whoever says that it is a site has shown a certificate for that.

It gives no rights: that it is a site is still only a hint, and who calls is what the token says.
"""

from __future__ import annotations

from flask import Flask, request

from dcapi.api.disconnects import CONNECTION
from dcapi.api.request import says_site
from dcapi.errors import Forbidden
from dcapi.settings import Settings

NEEDED = (
    "Another site has to show a certificate that this one trusts: it shows the one that its "
    "DCAPI_PEER_CLIENT_CERTIFICATE_FILE names"
)


def register(app: Flask, settings: Settings) -> None:
    """Refuse sites without a certificate, if the settings say who vouches for sites. To be called first: it
    judges before anything else does, logins too."""
    if settings.TLS_CLIENT_CA_FILE:
        app.before_request(refuse_unproven_site)


def refuse_unproven_site() -> None:
    """Raises Forbidden for a request that says a site sends it, over a connection that proves none."""
    if says_site(request.environ) and not _has_certificate():
        raise Forbidden(NEEDED)


def _has_certificate() -> bool:
    """Whether the client has shown a certificate; the handshake lets in none that is not trusted."""
    certificate_of = getattr(request.environ.get(CONNECTION), "getpeercert", None)
    return certificate_of is not None and bool(certificate_of())
