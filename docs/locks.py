"""The lock files: which releases of which packages are installed for a requirements file, with hashes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Requirements file → its lock file.
LOCKS = {
    path.relative_to(ROOT).as_posix(): path.with_suffix(".lock").relative_to(ROOT).as_posix()
    for path in (*sorted(ROOT.glob("requirements*.txt")), ROOT / "tests/keystone/requirements.txt")
}

# A requirement, or the first line of a locked package.
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[\w,-]+\])?==(?P<version>[^\s;\\]+)( ; (?P<marker>[^\\]+))?")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
# Who asked for a package: a file (-r), a constraint (-c), or the name of another package.
ASKED = re.compile(r"^    #(?: via|  ) +(?P<who>\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Locked:
    """One release in a lock file; a package may have several, for different versions of Python."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    asked_by: tuple[str, ...]


def canonical(name: str) -> str:
    """The one spelling of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required(path: str) -> dict[str, str]:
    """Package → version that a requirements file and those that it includes name."""
    found: dict[str, str] = {}
    for line in (ROOT / path).read_text().splitlines():
        text = line.split("#")[0].strip()
        if text.startswith("-r "):
            found |= required((Path(path).parent / text.removeprefix("-r ")).as_posix())
        elif text:
            pin = PIN.fullmatch(text)
            if pin is None:
                raise ValueError(f"{path}: {text!r} is no pinned package")
            found[canonical(pin["name"])] = pin["version"]
    return found


def locked(path: str) -> list[Locked]:
    """The releases in a lock file."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", (ROOT / path).read_text(), flags=re.MULTILINE)
    return [_locked(block) for block in blocks[1:]]


def _locked(block: str) -> Locked:
    pin = PIN.match(block)
    if pin is None:
        raise ValueError(f"not a locked package: {block.splitlines()[0]}")
    return Locked(
        name=canonical(pin["name"]),
        version=pin["version"],
        marker=(pin["marker"] or "").strip(),
        hashes=tuple(HASH.findall(block)),
        asked_by=tuple(ASKED.findall(block)),
    )
