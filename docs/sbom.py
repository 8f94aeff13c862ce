"""What a site is made of, as a CycloneDX list: the packages of the lock files, with their hashes.

What it takes to work on the project, and the tests' own Keystone, are no part of a site and left out.
"""

from __future__ import annotations

import json
import sys
import tomllib
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docs.locks import LOCKS, ROOT, Locked, canonical, locked

SPECIFICATION = "1.6"
# The lock file of what every site needs; what else is in the others is needed by some.
RUNS = "requirements.lock"
NOT_OF_A_SITE = ("requirements-dev.lock", "tests/keystone/requirements.lock")
# Equal packages make an equal list: its serial number follows from what is in it.
NAMES = uuid.UUID("0f1cf3a5-9d0c-4b9e-8a8f-3b1f0d6f7c52")


def bill() -> dict[str, Any]:
    """The list as a CycloneDX document."""
    packages = _packages()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    itself = {
        "type": "application",
        "bom-ref": project["name"],
        "name": project["name"],
        "version": project["version"],
        "description": project["description"],
        "licenses": [{"license": {"id": project["license"]}}],
    }
    components = [_component(package, scope) for package, scope in packages.values()]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMES, json.dumps([itself, components]))}",
        "version": 1,
        "metadata": {"component": itself},
        "components": components,
        "dependencies": _dependencies(project["name"], [package for package, _ in packages.values()]),
    }


def _packages() -> dict[str, tuple[Locked, str]]:
    """Reference → package and scope, in the order of their names."""
    found: dict[str, tuple[Locked, str]] = {}
    files = [RUNS, *(lock for lock in LOCKS.values() if lock not in (RUNS, *NOT_OF_A_SITE))]
    for file in files:
        scope = "required" if file == RUNS else "optional"
        for package in locked(file):
            known, first_scope = found.get(_reference(package), (package, scope))
            found[_reference(package)] = (_merged(known, package), first_scope)
    return dict(sorted(found.items()))


def _merged(known: Locked, again: Locked) -> Locked:
    asked_by = tuple(dict.fromkeys((*known.asked_by, *again.asked_by)))
    return Locked(known.name, known.version, known.marker, known.hashes, asked_by)


def _reference(package: Locked) -> str:
    return f"pkg:pypi/{package.name}@{package.version}"


def _component(package: Locked, scope: str) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": _reference(package),
        "name": package.name,
        "version": package.version,
        "scope": scope,
        "purl": _reference(package),
        # Of each file in which the release is distributed: one for each platform.
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.hashes],
    }


def _dependencies(own_name: str, packages: Iterable[Locked]) -> list[dict[str, Any]]:
    """Who needs whom, as far as the lock files say."""
    needed: dict[str, set[str]] = {own_name: set()}
    by_name: dict[str, list[str]] = {}
    for package in packages:
        by_name.setdefault(package.name, []).append(_reference(package))
        needed[_reference(package)] = set()
    for package in packages:
        for who in package.asked_by:
            askers = [own_name] if who.startswith("-r ") else by_name.get(canonical(who.split("[")[0]), [])
            for asker in askers:
                needed[asker].add(_reference(package))
    return [{"ref": ref, "dependsOn": sorted(refs)} for ref, refs in needed.items()]


def main(target: str) -> None:
    """Write the list to a file."""
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(bill(), indent=2) + "\n")
    sys.stdout.write(f"wrote {target}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
