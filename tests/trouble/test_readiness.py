"""What a real site says of itself at /readyz while something is wrong, and that it recovers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dcapi.lab.site import LabSite
from tests.trouble.sick_site import expect_readiness


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabSite]:
    folder = tmp_path_factory.mktemp("site")
    with closing(LabSite("site-a", folder, settings={"WORKERS": "1", "THREADS": "4"})) as made:
        made.start()
        yield made


def test_a_locked_database_is_told_and_forgotten(site: LabSite) -> None:
    expect_readiness(site, 200)
    file = Path(site.settings["INSTANCE_PATH"], "dcapi.sqlite3")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        expect_readiness(site, 503, database="locked")
        other.execute("ROLLBACK")
    expect_readiness(site, 200)


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("dcapi.sqlite3", {"database": "away", "migrations": "unknown"}),
        ("identity.yaml", {"identity": "missing"}),
    ],
)
def test_a_file_that_is_gone_is_told_and_taken_back(site: LabSite, name: str, gone: dict[str, str]) -> None:
    file = Path(site.settings["INSTANCE_PATH"], name)
    kept = file.rename(file.with_name("kept"))
    try:
        expect_readiness(site, 503, **gone)
    finally:
        kept.rename(file)
    expect_readiness(site, 200)
