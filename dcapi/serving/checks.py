"""The address and the certificate that gunicorn serves with, checked before it starts."""

from __future__ import annotations

import ssl
import sys

from gunicorn.util import parse_address

from dcapi.errors import SettingsError
from dcapi.settings import Settings, from_environment

PORTS = range(1, 65536)


def checked_settings() -> Settings:
    """The settings of the environment; with wrong ones the process ends, and says in one line why."""
    try:
        settings = from_environment()
        _check_address(settings.BIND)
        _check_certificate(settings)
        _check_client_ca(settings.TLS_CLIENT_CA_FILE)
    except SettingsError as error:
        sys.exit(f"dcapi: {error}")
    return settings


def _check_address(bind: str) -> None:
    """The port has to be there: gunicorn would take one of its own, which the catalogue does not name."""
    try:
        address = parse_address(bind, default_port="")
    except (RuntimeError, ValueError) as error:
        raise SettingsError(f"DCAPI_BIND={bind!r} is not an address to listen on: {error}") from error
    if isinstance(address, tuple) and address[1] not in PORTS:
        raise SettingsError(f"DCAPI_BIND={bind!r} is not an address to listen on: no port has this number")


def _check_certificate(settings: Settings) -> None:
    if not settings.TLS_CERTIFICATE_FILE:
        return
    try:
        # With a passphrase to try it fails at once, and does not ask a terminal for one.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.TLS_CERTIFICATE_FILE, settings.TLS_KEY_FILE or None, password=""
        )
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"DCAPI_TLS_CERTIFICATE_FILE={settings.TLS_CERTIFICATE_FILE!r} with "
            f"DCAPI_TLS_KEY_FILE={settings.TLS_KEY_FILE!r} cannot be used: {error}"
        ) from error


def _check_client_ca(file: str) -> None:
    if not file:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cafile=file)
    except OSError as error:
        raise SettingsError(f"DCAPI_TLS_CLIENT_CA_FILE={file!r} holds no certificates: {error}") from error
