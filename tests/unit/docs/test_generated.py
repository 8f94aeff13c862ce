"""The generated parts of the documents say what the program does, and are told when they do not."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path

import pytest

from dcapi.models.states import SyncStatus
from dcapi.settings import PREFIX, Settings, from_environment
from dcapi.sync.status import STATUSES, TABLE
from docs import generate


def test_no_document_is_stale() -> None:
    stale = [path.name for path in generate.stale()]

    assert not stale, "run make docs"


def test_a_changed_document_is_found_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in generate.PARTS:
        (tmp_path / name).write_text((generate.DOCS / name).read_text())
    page = tmp_path / "settings.md"
    page.write_text(page.read_text().replace("`site-a`", "`site-z`"))
    monkeypatch.setattr(generate, "DOCS", tmp_path)

    assert list(generate.stale()) == [page]
    generate.main()

    assert not generate.stale()
    assert "`site-a`" in page.read_text()


def test_a_changed_sample_of_the_environment_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = tmp_path / "dcapi.env.example"
    sample.write_text(generate.environment_sample().replace("#DCAPI_WORKERS=1", "#DCAPI_WORKERS=2"))
    monkeypatch.setattr(generate, "WHOLE", {sample: generate.environment_sample})

    assert generate.stale() == {sample: generate.environment_sample()}


def test_a_document_without_its_markers_is_refused() -> None:
    with pytest.raises(generate.NoMarkerError):
        generate.refreshed("# Settings\n", generate.PARTS["settings.md"])


def test_every_setting_is_described_under_a_heading() -> None:
    settings = generate.read_settings(generate.SETTINGS_SOURCE.read_text())

    assert [setting.name for setting in settings] == [field.name for field in dataclasses.fields(Settings)]
    for setting in settings:
        assert setting.group, setting.name
        assert setting.comment.endswith("."), setting.name


def test_comments_of_several_lines_become_one_text() -> None:
    source = """
class Settings:
    # -- One --
    # First line,
    # second line.
    BIND: str = ""
    # -- Two --
    # A tail  # is kept.
    WORKERS: int = 1
"""
    assert generate.read_settings(source) == [
        generate.Setting("One", "BIND", Settings.BIND, "First line, second line."),
        generate.Setting("Two", "WORKERS", Settings.WORKERS, "A tail  # is kept."),
    ]


def test_the_sample_of_the_environment_holds_every_default() -> None:
    lines = re.findall(rf"^#({PREFIX}.+)$", generate.environment_sample(), re.MULTILINE)
    environment = dict(line.split("=", 1) for line in lines)

    assert list(environment) == [f"{PREFIX}{field.name}" for field in dataclasses.fields(Settings)]
    assert from_environment(environment) == Settings()
    # A shell reads each line as it stands.
    assert [shlex.split(line) for line in lines] == [[line] for line in lines]


def test_the_sample_of_the_environment_sets_nothing_by_itself() -> None:
    lines = generate.environment_sample().splitlines()

    assert [line for line in lines if line and not line.startswith("#")] == []
    assert max(map(len, lines)) <= generate.ENVIRONMENT_WIDTH


def test_the_diagram_draws_every_move_of_the_table_and_no_other() -> None:
    drawn = set()
    arrows = re.findall(r"^ +(\w+) --> (\w+): (.+)$", generate.status_diagram(), re.MULTILINE)
    for source, target, events in arrows:
        for status in STATUSES if source == "any" else (SyncStatus(source.replace("_", "-")),):
            drawn |= {(name, status, SyncStatus(target.replace("_", "-"))) for name in events.split("<br/>")}
    moves = {
        (generate.short_name(event), status, outcome.status)
        for event, outcomes in TABLE.items()
        for status, outcome in zip(STATUSES, outcomes, strict=True)
        if outcome is not None
    }

    assert {move for move in moves if move[1] != move[2]} <= drawn <= moves


def test_table_has_a_row_for_each_event_and_dashes_for_the_impossible() -> None:
    rows = generate.status_table().splitlines()[2:]

    assert [row.split("|")[1].strip() for row in rows] == [event.value for event in TABLE]
    assert sum(row.count(f"| {generate.NEVER} ") for row in rows) == sum(
        outcome is None for outcomes in TABLE.values() for outcome in outcomes
    )
