"""How many connections one client may have in progress."""

from __future__ import annotations

from dcapi.api.proxies import TrustedProxies, parts_of
from dcapi.auth.client_address import counted_address
from dcapi.serving.connection import Connection
from dcapi.serving.refusals import Refused
from dcapi.serving.stages import Stages
from dcapi.settings import Settings

TOO_MANY = "Too many connections of this address at once, please try again."


class Shares:
    """Bounds the connections of a client, which a trusted proxy may name, when the setting says so."""

    def __init__(self, settings: Settings, stages: Stages) -> None:
        self._limit = settings.CONNECTIONS_PER_ADDRESS
        self._proxies = TrustedProxies(None, settings.TRUSTED_PROXIES)
        self._stages = stages

    def check(self, connection: Connection) -> None:
        """Raises Refused for one too many; what a proxy brings is counted when its head is read."""
        if not self._limit:
            return
        client = connection.address
        if self._proxies.trusts(client):
            if connection.request is None:
                return
            named = parts_of(",".join(connection.values("X-FORWARDED-FOR")))
            client = self._proxies.client_of(client, named)
        if self._stages.count_for(connection, counted_address(client)) > self._limit:
            raise Refused(429, TOO_MANY)
