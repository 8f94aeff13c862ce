"""The commands of a page, and what they print when they are run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Self

from dcapi.lab.site import PROJECT_ROOT, LabSite

# Where the pages have their sites, in the order in which they are started.
ADDRESSES = ("127.0.0.1:8119", "127.0.0.1:8219")
FOLDERS = ("instance/site-a", "instance/site-b")

# What one block of commands may take.
SECONDS = 180.0

PIECES = re.compile(
    r"^```(?P<kind>sh|text)\n(?P<text>.*?)^```$|^<!-- (?P<event>[^\n]*?) -->$", re.DOTALL | re.MULTILINE
)
BLOCK_END = "=== end of block ==="

# What differs each time: UUIDs, region names, times.
CHANGING = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "(uuid)"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "(region)"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"), "(time)"),
)


@dataclass(frozen=True)
class Step:
    """Commands of one block, and the output that the block after it shows (empty: none).

    ``events``: what comments in the page say that happens before them.
    """

    commands: str
    shown: str = ""
    events: tuple[str, ...] = ()


@dataclass(frozen=True)
class Walkthrough:
    """The environments (DCAPI_ settings) of the sites that a page starts, and the steps that follow."""

    environments: list[dict[str, str]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        return [event for step in self.steps for event in step.events]


def read_walkthrough(text: str) -> Walkthrough:
    """Read the blocks of commands in a text, and what stands between them."""
    found = Walkthrough()
    events: tuple[str, ...] = ()
    for piece in PIECES.finditer(text):
        block = piece["text"]
        if piece["event"] is not None:
            events += (piece["event"],)
        elif piece["kind"] == "text":
            found.steps[-1] = replace(found.steps[-1], shown=block)
        elif block.rstrip().endswith("make run"):
            found.environments.append(_settings(block))
        else:
            found.steps.append(Step(block, events=events))
            events = ()
    assert not events, f"nothing is run after {events}"
    return found


def sections_of(text: str, names: tuple[str, ...]) -> str:
    """The sections of a page with these titles."""
    found = [section for section in re.split(r"^## ", text, flags=re.MULTILINE) if section.startswith(names)]
    assert len(found) == len(names), f"the page has not the sections {names}"
    return "\n".join(found)


def _settings(command: str) -> dict[str, str]:
    words = [word.split("=", 1) for word in shlex.split(command) if word.startswith("DCAPI_")]
    return {name.removeprefix("DCAPI_"): value for name, value in words}


@contextmanager
def sites_for(walkthrough: Walkthrough, folder: Path) -> Iterator[list[LabSite]]:
    """The sites that a page starts, running, with deployments that take no time."""
    with ExitStack() as stack:
        found = [_site(settings, folder / str(n)) for n, settings in enumerate(walkthrough.environments)]
        for site in found:
            stack.callback(site.close)
            site.launch()
        for site in found:
            site.wait_ready()
        yield found


def _site(settings: Mapping[str, str], folder: Path) -> LabSite:
    """A site with the settings that a page starts one with, but a free port and a folder of its own."""
    kept = {name: value for name, value in settings.items() if name not in ("BIND", "INSTANCE_PATH")}
    return LabSite(settings.get("SITE_NAME", "site-a"), folder, settings={"SITE_UUID": "", **kept})


def places_of(sites: Iterable[LabSite]) -> dict[str, str]:
    """What the pages write → where these sites are."""
    started = list(sites)
    addresses = zip(ADDRESSES, (site.port.address for site in started), strict=True)
    folders = zip(FOLDERS, (str(site.folder / "instance") for site in started), strict=True)
    return dict(addresses) | dict(folders)


class Shell:
    """One bash that stays open: what a block defines is there in the next one.

    ``places`` are replaced in commands, and back again in what they print on standard output. The first
    command that fails ends the shell.
    """

    def __init__(self, places: Mapping[str, str], folder: Path) -> None:
        self._places = {".venv/bin/flask": f"{sys.executable} -m flask", **places}
        self._block = folder / "block.sh"
        self._errors = folder / "errors.txt"
        with self._errors.open("w") as errors:
            self._bash = subprocess.Popen(
                ["bash", "-eu"],
                cwd=PROJECT_ROOT,
                env={name: text for name, text in os.environ.items() if not name.startswith("DCAPI_")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()
        self._bash.wait()
        for pipe in (self._bash.stdin, self._bash.stdout):
            if pipe is not None:
                pipe.close()

    def _kill(self) -> None:
        if self._bash.poll() is None:
            os.killpg(self._bash.pid, signal.SIGKILL)

    def run(self, commands: str) -> str:
        """Run a block; returns what it prints. Raises AssertionError when it fails or takes too long."""
        assert self._bash.stdin is not None
        self._block.write_text(_replaced(commands, self._places))
        self._bash.stdin.write(f". {self._block} </dev/null; echo '{BLOCK_END}'\n")
        self._bash.stdin.flush()
        limit = Timer(SECONDS, self._kill)
        limit.start()
        try:
            return _replaced(self._output(commands), {there: here for here, there in self._places.items()})
        finally:
            limit.cancel()

    def _output(self, commands: str) -> str:
        assert self._bash.stdout is not None
        printed = ""
        for line in self._bash.stdout:
            if line == f"{BLOCK_END}\n":
                return printed
            printed += line
        raise AssertionError(f"{commands}\nfailed, and printed:\n{printed}\n{self._errors.read_text()}")


def _replaced(text: str, replacements: Mapping[str, str]) -> str:
    for before, after in replacements.items():
        text = text.replace(before, after)
    return text


def comparable(text: str) -> str:
    """The text with a word in the place of each value that differs from one time to the next."""
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return text
