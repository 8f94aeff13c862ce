"""The commands of the README's walk-through, and what they print when they are run as they stand there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dcapi.lab.site import PROJECT_ROOT, LabSite

README = PROJECT_ROOT / "README.md"

# The sections that are one session at one terminal.
SECTIONS = ("Pair two sites", "Users")
SECONDS = 90

FENCED = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCK_END = "=== end of block ==="

# What differs each time: UUIDs, region names, times.
CHANGING = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "(uuid)"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "(region)"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"), "(time)"),
)


@dataclass(frozen=True)
class Step:
    """Commands of one block, and the output that the block after it shows (empty: none)."""

    commands: str
    shown: str


def read_walkthrough(text: str) -> tuple[list[dict[str, str]], list[Step]]:
    """The environments (DCAPI_ settings) of the sites that are started, and the steps that follow."""
    environments: list[dict[str, str]] = []
    steps: list[Step] = []
    for kind, block in _blocks(text):
        if kind == "text":
            steps[-1] = Step(steps[-1].commands, block)
        elif block.rstrip().endswith("make run"):
            environments.append(_settings(block))
        else:
            steps.append(Step(block, ""))
    return environments, steps


def _blocks(text: str) -> list[tuple[str, str]]:
    sections = re.split(r"^## ", text, flags=re.MULTILINE)
    wanted = [section for section in sections if section.startswith(SECTIONS)]
    assert len(wanted) == len(SECTIONS), f"README has not the sections {SECTIONS}"
    return [(found["kind"], found["text"]) for section in wanted for found in FENCED.finditer(section)]


def _settings(command: str) -> dict[str, str]:
    words = [word.split("=", 1) for word in shlex.split(command) if word.startswith("DCAPI_")]
    return {name.removeprefix("DCAPI_"): value for name, value in words}


def site_for(settings: Mapping[str, str], folder: Path) -> LabSite:
    """A site with the settings that the README starts one with, but a free port and a folder of its own."""
    kept = {name: value for name, value in settings.items() if name not in ("BIND", "INSTANCE_PATH")}
    return LabSite(settings.get("SITE_NAME", "site-a"), folder, settings={"SITE_UUID": "", **kept})


def run_steps(
    steps: list[Step], replacements: Mapping[str, str], environment: Mapping[str, str]
) -> list[str]:
    """Run the commands in one shell, with replacements for places; returns the output of each step.

    Raises AssertionError when a command fails.
    """
    replacements = {".venv/bin/flask": f"{sys.executable} -m flask", **replacements}
    script = "set -eu\n" + f"\necho '{BLOCK_END}'\n".join(step.commands for step in steps)
    ended = subprocess.run(
        ["bash", "-c", _replaced(script, replacements)],
        cwd=PROJECT_ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    output = _replaced(ended.stdout, {ours: theirs for theirs, ours in replacements.items()})
    return output.split(f"{BLOCK_END}\n")


def _replaced(text: str, replacements: Mapping[str, str]) -> str:
    for before, after in replacements.items():
        text = text.replace(before, after)
    return text


def comparable(text: str) -> str:
    """The text with a word in the place of each value that differs from one time to the next."""
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return text
