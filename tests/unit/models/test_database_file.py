"""The file of a SQLite database that is removed or replaced while it is open."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from dcapi.models.database_file import DatabaseFile, file_trouble, watch_file
from dcapi.models.database_trouble import DatabaseTrouble, trouble_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "site.sqlite3"
    path.write_text("rows")
    return path


def test_the_file_that_was_opened_is_no_trouble(path: Path) -> None:
    file = DatabaseFile(str(path))
    path.write_text("more rows")
    assert file.trouble() is None
    file.check()


def test_a_file_that_is_gone_is_away_until_it_is_back(path: Path) -> None:
    file = DatabaseFile(str(path))
    assert file.trouble() is None
    aside = path.rename(path.with_name("aside"))
    assert file.trouble() is DatabaseTrouble.AWAY
    aside.rename(path)
    assert file.trouble() is None


def test_another_file_in_its_place_is_not_taken_for_it(path: Path) -> None:
    file = DatabaseFile(str(path))
    assert file.trouble() is None
    other = path.with_name("other")
    other.write_text("rows")
    other.replace(path)
    assert file.trouble() is DatabaseTrouble.REPLACED


@pytest.mark.parametrize("trouble", [DatabaseTrouble.AWAY, DatabaseTrouble.REPLACED])
def test_the_error_says_what_the_trouble_is(path: Path, trouble: DatabaseTrouble) -> None:
    file = DatabaseFile(str(path))
    file.trouble()
    path.rename(path.with_name("aside"))
    if trouble is DatabaseTrouble.REPLACED:
        path.write_text("rows")
    with pytest.raises(OperationalError) as raised:
        file.check()
    assert trouble_of(raised.value) is trouble


def test_a_file_that_is_about_to_be_made_is_no_trouble(tmp_path: Path) -> None:
    assert DatabaseFile(str(tmp_path / "new.sqlite3")).trouble() is None


@pytest.mark.parametrize("form", ["sqlite:///{}", "sqlite:///file:{}?mode=rw&uri=true"])
def test_an_engine_tells_of_its_own_file(path: Path, form: str) -> None:
    engine = create_engine(form.format(path))
    watch_file(engine)
    assert file_trouble(engine) is None
    path.unlink()
    assert file_trouble(engine) is DatabaseTrouble.AWAY


def test_a_database_that_is_no_file_is_never_away() -> None:
    engine = create_engine("sqlite://")
    assert watch_file(engine) is None
    assert file_trouble(engine) is None
