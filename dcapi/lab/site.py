"""One site of the lab: a real gunicorn server of this project, described by its environment alone."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

import requests

from dcapi.lab.polling import OverdueError, wait_until
from dcapi.lab.ports import Port

PROJECT_ROOT = Path(__file__).resolve().parents[2]

# Lines of a site's log that are shown when something fails.
LOG_LINES = 40
# A server that is asked to end may drain its requests and jobs first; seconds above that mean that it hangs.
STOP_SECONDS = 60.0


class SiteFailedError(Exception):
    """A site did not start or did not end; the message holds the end of its log."""


class LabSite:
    """A site that can be started, stopped, killed and started again on the same data.

    ``settings`` are DCAPI_ settings by name, without the prefix; ``public_url`` is where others reach it when
    something stands before it; ``app`` names the application as gunicorn does. Its port and its folder stay
    the same over all its lives.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        port: Port | None = None,
        public_url: str = "",
        settings: Mapping[str, str] | None = None,
        app: str = "wsgi:app",
    ) -> None:
        self.name = name
        self.app = app
        self.folder = folder
        self.port = port or Port()
        self.public_url = public_url or self.port.url
        self.uuid = str(uuid.uuid4())
        self.admin_password = secrets.token_urlsafe(12)
        self.log_file = folder / "server.log"
        self.settings = {**self._own_settings(), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the server itself listens, past anything that stands before it."""
        return self.port.url

    @property
    def pid(self) -> int | None:
        """Process id of gunicorn's master, None before the first start."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, within: float = 60.0) -> None:
        """Start the server and wait until it answers; raises SiteFailedError."""
        self.launch()
        self.wait_ready(within=within)

    def launch(self) -> None:
        """Start the server without waiting for it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.conf.py", self.app]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (a list of arguments, and no shell)
                command,
                cwd=PROJECT_ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_ready(self, *, within: float = 60.0) -> None:
        """Wait until the server answers; raises SiteFailedError when it ends, or takes longer."""
        try:
            wait_until(f"site {self.name} to answer", self._answers, within=within)
        except OverdueError as error:
            raise SiteFailedError(f"{error}\n{self.log_tail()}") from error

    def stop(self, *, within: float = STOP_SECONDS) -> int | None:
        """Ask the server to end (SIGTERM), wait for it and return its exit code; None when it did not run."""
        process = self._process
        if process is None or process.poll() is not None:
            return None
        process.terminate()
        try:
            return process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            message = f"site {self.name} did not end within {within:g} s"
            raise SiteFailedError(f"{message}\n{self.log_tail()}") from None

    def ask_to_stop(self) -> None:
        """Send SIGTERM without waiting for the end."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """Kill the server and all its workers at once (SIGKILL)."""
        if self._process is None:
            return
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Kill what still runs and give the port back."""
        self.kill()
        self.port.release()

    def environment(self) -> dict[str, str]:
        """The environment that describes this site, and nothing of the caller's own settings."""
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("DCAPI_")}
        return inherited | {f"DCAPI_{name}": text for name, text in self.settings.items()}

    def log_tail(self, lines: int = LOG_LINES) -> str:
        """The last lines of the server's log, under a heading."""
        text = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        return "\n".join([f"--- end of {self.log_file}", *text.splitlines()[-lines:]])

    def _own_settings(self) -> dict[str, str]:
        return {
            "BIND": self.port.address,
            "PUBLIC_URL": self.public_url,
            "SITE_NAME": self.name,
            "SITE_UUID": self.uuid,
            "INSTANCE_PATH": str(self.folder / "instance"),
            "ADMIN_PASSWORD": self.admin_password,
            "DEPLOY_PHASE_SECONDS": "0",
            # The lab's peers are watched closely, so that nobody waits long for what happens to them.
            "HEARTBEAT_INTERVAL_MIN": "1",
            "PEER_CONNECT_TIMEOUT": "2",
            "PEER_READ_TIMEOUT": "10",
            "PEER_PATIENCE_SECONDS": "1",
            # Where nobody can tell that a killed site is dead, its work waits for its leases to run out.
            "LEASE_SECONDS": "15",
        }

    def _answers(self) -> bool:
        if not self.running:
            raise SiteFailedError(f"site {self.name} ended while it started\n{self.log_tail()}")
        try:
            return requests.get(f"{self.url}/", timeout=2).ok
        except requests.RequestException:
            return False
