"""A real Keystone: one database and one set of keys, served at as many doors as a test needs.

A site finds its peer by service type and region alone, and those are the same at every site. So each site of
one Keystone has a door of its own: a process of that Keystone, whose catalogue names the one site that the
door belongs to. Users, roles and tokens are the same at all doors.
"""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from pathlib import Path

import requests

from dcapi.lab.polling import wait_until
from dcapi.lab.ports import Port

ADMIN_PASSWORD = "Boot*strap3"
SERVE = Path(__file__).parent / "serve.py"

# In the catalogue each door puts its own address, and that of its site, in these places.
KEYSTONE_URL = "$(public_endpoint)s/v3"
SITE_URL = "http://$(compute_host)s"

CONFIG = """
[DEFAULT]
public_endpoint = {url}
compute_host = {site}
[database]
connection = sqlite:///{folder}/keystone.db
[fernet_tokens]
key_repository = {folder}/keys
[fernet_receipts]
key_repository = {folder}/keys
[token]
expiration = {lifetime}
[cache]
enabled = false
[identity]
# The cheapest there is: nobody attacks these passwords.
password_hash_rounds = 4
"""


class KeystoneFailedError(Exception):
    """Keystone did not do as it was told; the message holds what it said."""


class Door:
    """One process of Keystone, which can be stopped and started again at the same address."""

    def __init__(self, keystone: Keystone, site: str, lifetime: int) -> None:
        """``site``: host and port of the site in the catalogue; ``lifetime`` of the tokens, in seconds."""
        self.port = Port()
        self._python = keystone.programs / "python"
        self._config = keystone.folder / f"{self.port.number}.conf"
        self._log = keystone.folder / f"{self.port.number}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._config.write_text(
            CONFIG.format(url=self.port.url, site=site, folder=keystone.folder, lifetime=lifetime)
        )

    @property
    def url(self) -> str:
        return f"{self.port.url}/v3"

    @property
    def config(self) -> Path:
        return self._config

    def start(self) -> Door:
        """Start, and wait until it answers."""
        self.launch()
        self.wait_ready()
        return self

    def launch(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._python, SERVE],
                env={
                    **os.environ,
                    "DOOR_PORT": str(self.port.number),
                    "OS_KEYSTONE_CONFIG_FILES": str(self._config),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_ready(self) -> None:
        wait_until(f"Keystone to answer at {self.url}", self._answers, within=120)

    def stop(self) -> None:
        """End the process; its address refuses connections from then on."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.port.release()

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise KeystoneFailedError(f"Keystone ended\n{self._log.read_text(errors='replace')[-4000:]}")
        try:
            return requests.get(self.url, timeout=10).ok
        except requests.RequestException:
            return False


class Keystone:
    """The data of one Keystone, and its doors. ``programs``: the folder of its environment's programs."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.programs = programs
        self.doors: list[Door] = []

    def prepare(self) -> None:
        """Make tables, keys, and the user ``admin`` in the project of this name."""
        config = self.door("nowhere").config
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
        self._manage(config, "db_sync")
        self._manage(config, "fernet_setup", "--keystone-user", user, "--keystone-group", group)
        urls = [part for kind in ("public", "internal") for part in (f"--bootstrap-{kind}-url", KEYSTONE_URL)]
        self._manage(
            config,
            "bootstrap",
            "--bootstrap-password",
            ADMIN_PASSWORD,
            "--bootstrap-region-id",
            "RegionOne",
            *urls,
        )

    def door(self, site: str, lifetime: int = 3600) -> Door:
        """A new door, which is not started, for the site at this host and port."""
        made = Door(self, site, lifetime)
        self.doors.append(made)
        return made

    def close(self) -> None:
        for door in self.doors:
            door.close()

    def _manage(self, config: Path, *arguments: str) -> None:
        command = [str(self.programs / "keystone-manage"), "--config-file", str(config), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            raise KeystoneFailedError(f"{arguments[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
