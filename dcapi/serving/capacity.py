"""How many connections a worker has room for: some of its files are for its database and its own work."""

from __future__ import annotations

import resource

from dcapi.models.engine import most_connections
from dcapi.settings import Settings

# Files of a worker besides its connections to clients and to the database: logs, modules, playbooks, peers.
OTHER_FILES = 96


class Capacity:
    """The setting, or less where the process may not open so many files."""

    def __init__(self, settings: Settings) -> None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        kept = min(OTHER_FILES + most_connections(settings), files // 2)
        self._most = settings.CONNECTIONS
        self._files = max(1, files - kept)

    def has_room(self, connections: int, temporary: int) -> bool:
        """Whether there is room for one more beside these; ``temporary``: the files of large requests."""
        return connections < self._most and connections + temporary < self._files
