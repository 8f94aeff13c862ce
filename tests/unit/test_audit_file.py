"""A line of the audit log is in its file, or on standard error."""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcapi import audit_file
from dcapi.audit_file import AuditFile
from dcapi.log import JsonFormatter

FULL = Path("/dev/full")


@pytest.fixture
def file(tmp_path: Path) -> AuditFile:
    return made(tmp_path / "folder" / "audit.log")


def made(path: Path) -> AuditFile:
    path.parent.mkdir(exist_ok=True)
    handler = AuditFile(path)
    handler.setFormatter(JsonFormatter())
    return handler


def write(file: AuditFile, *messages: str) -> None:
    for message in messages:
        file.handle(logging.makeLogRecord({"name": "dcapi.audit", "msg": message}))


def messages_of(text: str) -> list[str]:
    """Those of the audit log; beside them there may be lines of a log that another test set up."""
    return [json.loads(line)["message"] for line in text.splitlines() if line.startswith("{")]


def lose(file: AuditFile) -> None:
    file.path.parent.rename(file.path.parent.with_name("away"))


def find(file: AuditFile) -> None:
    file.path.parent.with_name("away").rename(file.path.parent)


def test_a_line_is_in_the_file_and_nowhere_else(file: AuditFile, capsys: pytest.CaptureFixture[str]) -> None:
    write(file, "first", "second")
    assert messages_of(file.path.read_text()) == ["first", "second"]
    assert file.problem() == ""
    assert capsys.readouterr().err == ""


def test_a_line_that_cannot_be_written_is_on_standard_error(
    file: AuditFile, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    write(file, "first")
    lose(file)
    write(file, "second", "third")
    assert messages_of(capsys.readouterr().err) == ["second", "third"]
    assert file.problem() == "No such file or directory"
    [told] = [record.getMessage() for record in caplog.records]
    assert told == f"the audit log {file.path} cannot be written: No such file or directory"


@pytest.mark.parametrize("notice", [AuditFile.problem, lambda file: write(file, "last")])
def test_the_file_says_what_is_missing_in_it_once_it_is_back(
    file: AuditFile, notice: Callable[[AuditFile], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    write(file, "first")
    lose(file)
    write(file, "second", "third")
    find(file)
    assert not notice(file)
    lines = messages_of(file.path.read_text())
    assert lines[:2] == ["first", "2 line(s) before this one went to standard error"]
    assert lines[2:] in ([], ["last"])
    assert file.problem() == ""
    assert messages_of(file.path.read_text()) == lines


@pytest.mark.parametrize(
    ("breaking", "why"),
    [
        (Path.mkdir, "Is a directory"),
        (lambda path: path.symlink_to("nowhere/audit.log"), "No such file or directory"),
        (lambda path: path.symlink_to(FULL), "No space left on device"),
        (os.mkfifo, "No such device or address"),
    ],
    ids=["a folder", "a broken link", "full", "a pipe that nobody reads"],
)
def test_whether_a_line_can_be_written_is_known_before_one_is(
    file: AuditFile, breaking: Callable[[Path], Any], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(file, "first")
    file.path.unlink()
    breaking(file.path)
    assert file.problem() == why
    write(file, "second")
    assert messages_of(capsys.readouterr().err) == ["second"]


def test_a_disk_without_room_is_known_before_a_line_is_written(
    file: AuditFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = os.fstatvfs

    def full(handle: int) -> Any:
        found = list(look(handle))
        found[3] = found[4] = 0  # blocks that are free, and those of them that not only root gets
        return os.statvfs_result(found)

    monkeypatch.setattr(os, "fstatvfs", full)
    assert file.problem() == "No space left on device"


def test_a_failure_that_nothing_tells_of_before_is_tried_again(
    file: AuditFile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As over a quota: there is room, and no line goes in."""
    put = os.write

    def refuse(handle: int, data: bytes) -> int:
        if data:
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
        return put(handle, data)

    monkeypatch.setattr(os, "write", refuse)
    write(file, "first")
    assert file.problem() == file.problem() == "Disk quota exceeded"
    monkeypatch.undo()
    assert file.problem() == ""
    assert len(messages_of(file.path.read_text())) == 1


def test_a_line_that_was_cut_off_does_not_spoil_the_next_one(
    file: AuditFile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: put(handle, data[:10]))
    write(file, "first")
    assert messages_of(capsys.readouterr().err) == ["first"]
    monkeypatch.undo()
    write(file, "second")
    cut, *whole = file.path.read_text().splitlines()
    assert len(cut) == 10
    assert messages_of("\n".join(whole))[-1] == "second"


def test_a_file_is_for_the_site_alone_and_may_be_renamed(file: AuditFile) -> None:
    write(file, "first")
    file.path.rename(file.path.with_name("audit.log.1"))
    write(file, "second")
    assert messages_of(file.path.read_text()) == ["second"]
    assert file.path.stat().st_mode & 0o777 == audit_file.MODE == 0o600


def test_standard_error_that_is_closed_keeps_nobody_from_working(
    file: AuditFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(file)
    with open(os.devnull, "w") as closed:
        pass
    monkeypatch.setattr("sys.stderr", closed)
    write(file, "first")
    assert file.problem()
