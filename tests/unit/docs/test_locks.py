"""Lock files fit their requirements files, hold hashes, and name no place of the machine that made them."""

from __future__ import annotations

import re

import pytest

from docs.locks import LOCKS, ROOT, canonical, locked, required
from docs.sbom import NOT_OF_A_SITE, RUNS, bill

each_file = pytest.mark.parametrize("file", LOCKS)

STALE = "the lock file is stale: run make lock"


def versions(lock: str) -> dict[str, set[str]]:
    """Package → its releases in a lock file."""
    found: dict[str, set[str]] = {}
    for package in locked(lock):
        found.setdefault(package.name, set()).add(package.version)
    return found


@each_file
def test_a_lock_file_has_what_its_requirements_file_pins(file: str) -> None:
    there = versions(LOCKS[file])

    assert {name: there.get(name) for name in required(file)} == {
        name: {version} for name, version in required(file).items()
    }, STALE


@each_file
def test_what_is_required_no_more_has_left_the_lock_file(file: str) -> None:
    asked_for = {
        package.name
        for package in locked(LOCKS[file])
        if any(who.startswith("-r ") for who in package.asked_by)
    }

    assert asked_for == set(required(file)), STALE


@each_file
def test_each_locked_package_has_hashes_and_somebody_who_needs_it(file: str) -> None:
    packages = locked(LOCKS[file])
    names = {package.name for package in packages}

    assert [package.name for package in packages if not package.hashes] == []
    for package in packages:
        askers = [who for who in package.asked_by if not who.startswith("-c ")]
        assert askers, package.name
        assert all(who.startswith("-r ") or canonical(who.split("[")[0]) in names for who in askers), package


@each_file
def test_a_lock_file_names_no_index_and_no_path(file: str) -> None:
    text = (ROOT / LOCKS[file]).read_text()
    options = {word for line in text.splitlines() for word in re.findall(r"(?<!\S)--?\w[\w-]*", line)}

    assert options <= {"--hash", "-r", "-c"}
    assert "://" not in text
    assert set(re.findall(r"(?<!\S)\S*/\S*", text)) <= {"tests/keystone/requirements.txt"}


def test_packages_that_are_installed_together_have_one_version() -> None:
    together = [versions(lock) for file, lock in LOCKS.items() if "/" not in file]
    names = {name for found in together for name in found}

    differing = {
        name: [found[name] for found in together if name in found]
        for name in names
        if len({frozenset(found[name]) for found in together if name in found}) > 1
    }
    assert not differing, STALE


def test_the_list_of_components_is_what_a_site_is_made_of() -> None:
    document = bill()
    listed = {component["purl"]: component for component in document["components"]}
    expected = {
        f"pkg:pypi/{package.name}@{package.version}": package
        for lock in LOCKS.values()
        if lock not in NOT_OF_A_SITE
        for package in locked(lock)
    }

    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert set(listed) == set(expected)
    assert all(len(one["hashes"]) == len(expected[purl].hashes) > 0 for purl, one in listed.items())
    needed = {f"pkg:pypi/{package.name}@{package.version}" for package in locked(RUNS)}
    assert {purl for purl, one in listed.items() if one["scope"] == "required"} == needed
    assert bill() == document


def test_each_component_is_needed_by_the_project_or_by_another_one() -> None:
    document = bill()
    references = {component["bom-ref"] for component in document["components"]}
    graph = {entry["ref"]: set(entry["dependsOn"]) for entry in document["dependencies"]}

    assert set(graph) == references | {"dcapi"}
    assert set().union(*graph.values()) == references
    flask = next(one for one in references if one.startswith("pkg:pypi/flask@"))
    assert flask in graph["dcapi"]
    assert any(one.startswith("pkg:pypi/jinja2@") for one in graph[flask])
