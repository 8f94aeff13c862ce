"""A site that runs: its life, and what works in it."""

from __future__ import annotations

from dcapi.lab.original.life import Life
from dcapi.lab.original.tokens import Tokens
from dcapi.lab.original.work.heartbeat import Monitor
from dcapi.lab.original.work.migration import Migrator
from dcapi.lab.original.work.sync import Syncer


class Running:
    """The parts of one life, for those who answer requests."""

    def __init__(self, life: Life, url: str, admin_password: str, tokens: Tokens) -> None:
        self.life = life
        # Where others reach it.
        self.url = url
        self.admin_password = admin_password
        self.tokens = tokens
        self.monitor = Monitor(life)
        self.migrator = Migrator(life)
        self.syncer = Syncer(life, self.monitor.refresh)
