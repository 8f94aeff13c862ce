"""Lines of the log: one each, whatever they are about."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dcapi.errors import SettingsError
from dcapi.log import (
    AUDIT_LOGGER,
    LOGGER,
    accepted_request_id,
    carrying_ids,
    configure_logging,
    dressed,
    fields,
    log_everything,
    new_request_id,
    printable,
    request_id,
    request_ids,
)
from dcapi.settings import settings_from

# What a client might send so that the log seems to say something else.
FORGED = "x\r\n2026-01-01T00:00:00.000Z INFO 1 dcapi.audit [-] all is well\x1b[2K\u2028\u202e\ud800\x85"


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def written(form: str, message: str = "%s", *args: Any, **options: Any) -> str:
    handler = dressed(Kept(), settings_from({"LOG_FORMAT": form}))
    assert isinstance(handler, Kept)
    logger = logging.Logger("dcapi.tests")
    logger.addHandler(handler)
    logger.info(message, *args, **options)
    (line,) = handler.lines
    return line


def failed(text: str) -> Any:
    """What an exception with this text leaves for the log."""
    error = ValueError(text)
    return type(error), error, None


def test_a_plain_line_says_when_where_and_under_which_request() -> None:
    with request_ids("req-own", "req-other"):
        line = written("plain", "%s begins", "it", extra=fields({"count": 2, "name": "a b", "none": None}))
    time, rest = line.split(" ", 1)
    assert time.endswith("Z")
    assert time[10] == "T"
    process = rest.split(" ")[1]
    assert rest == f'INFO {process} dcapi.tests [req-own req-other] it begins count=2 name="a b"'


def test_a_line_of_no_request_says_so() -> None:
    assert "[-]" in written("plain", "quiet")
    assert "request_id" not in json.loads(written("json", "quiet"))


def test_a_json_line_is_one_object_with_all_fields() -> None:
    with request_ids("req-own", "req-other"):
        line = json.loads(written("json", "%s begins", "it", extra=fields({"roles": ["a"]})))
    assert line.pop("time").endswith("Z")
    assert line.pop("process") > 0
    assert line == {
        "level": "INFO",
        "logger": "dcapi.tests",
        "thread": threading.current_thread().name,
        "request_id": "req-own",
        "global_request_id": "req-other",
        "message": "it begins",
        "roles": ["a"],
    }


def test_a_call_may_name_other_ids_than_the_current_ones() -> None:
    with request_ids("req-own"):
        line = json.loads(written("json", "late", extra=fields({}, request_id="req-before")))
    assert line["request_id"] == "req-before"


@pytest.mark.parametrize("where", ["message", "field", "exception"])
def test_nothing_in_a_plain_line_ends_it_or_begins_another(where: str) -> None:
    line = {
        "message": lambda: written("plain", "%s", FORGED),
        "field": lambda: written("plain", "m", extra=fields({"user_agent": FORGED})),
        "exception": lambda: written("plain", "m", exc_info=failed(FORGED)),
    }[where]()
    _, *others = line.split("\n")
    assert all(each.startswith("    ") for each in others)
    assert line.replace("\n", "").isprintable()
    assert (where == "exception") == bool(others)
    assert "all is well" in line


@pytest.mark.parametrize("where", ["message", "field", "exception"])
def test_a_json_line_holds_the_same_text_and_stays_one_line(where: str) -> None:
    line = {
        "message": lambda: written("json", "%s", FORGED),
        "field": lambda: written("json", "m", extra=fields({"field": FORGED})),
        "exception": lambda: written("json", "m", exc_info=failed(FORGED)),
    }[where]()
    assert line.isascii()
    assert line.isprintable()
    assert FORGED in json.loads(line)[where]


def test_what_json_has_no_word_for_is_written_as_text() -> None:
    assert json.loads(written("json", "m", extra=fields({"path": Path("/x")})))["path"] == "/x"


def test_a_stack_is_a_field_of_its_own() -> None:
    assert "test_a_stack_is" in json.loads(written("json", "m", stack_info=True))["stack"]


def test_letters_of_any_language_stay_as_they_are() -> None:
    assert printable("Ærø äö 港 é") == "Ærø äö 港 é"


ID = "req-3f2504e0-4f89-41d3-9a0c-0305e82c3301"


@pytest.mark.parametrize(
    "sent",
    [None, "", "req-1", "x" * 5000, ID[4:], f"{ID}\n", f"{ID},{ID}", ID.replace("3f25", "3g25"), f" {ID}"],
)
def test_what_is_no_request_id_is_not_taken_as_one(sent: str | None) -> None:
    assert accepted_request_id(sent) == ""


def test_a_request_id_of_somebody_else_is_taken() -> None:
    assert accepted_request_id(ID.replace("f", "F")) == ID
    assert accepted_request_id(own := new_request_id()) == own


def test_other_threads_work_under_the_ids_of_who_asked_them() -> None:
    with ThreadPoolExecutor(2) as pool:
        with request_ids("req-first"):
            first = [pool.submit(carrying_ids(request_id.get)) for _ in range(3)]
        assert [each.result() for each in first] == ["req-first"] * 3
        assert pool.submit(request_id.get).result() == ""


# -- Where lines go --


@pytest.fixture
def configured() -> Iterator[None]:
    """Whatever a test configures is undone."""
    yield
    configure_logging(settings_from({}))
    logging.captureWarnings(False)
    threading.excepthook = threading.__excepthook__


@pytest.mark.usefixtures("configured")
def test_configuring_again_changes_the_form_and_doubles_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("plain", "plain", "json"):
        configure_logging(settings_from({"LOG_FORMAT": form}))
    logging.getLogger(f"{LOGGER}.x").info("once")
    logging.getLogger("library").info("too low to be written")
    logging.getLogger("library").warning("twice")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["message"] for line in lines] == ["once", "twice"]


@pytest.mark.usefixtures("configured")
def test_the_audit_log_is_written_whatever_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(settings_from({"LOG_LEVEL": "ERROR"}))
    logging.getLogger(f"{LOGGER}.x").warning("left out")
    logging.getLogger(AUDIT_LOGGER).info("written")
    assert [line.split("] ")[1] for line in capsys.readouterr().err.splitlines()] == ["written"]


@pytest.mark.usefixtures("configured")
def test_the_audit_log_may_have_a_file_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "audit.log"
    configure_logging(settings_from({"AUDIT_FILE": str(file), "LOG_FORMAT": "json"}))
    logging.getLogger(AUDIT_LOGGER).info("first")
    file.rename(tmp_path / "audit.log.1")
    logging.getLogger(AUDIT_LOGGER).info("second")
    assert json.loads((tmp_path / "audit.log.1").read_text())["message"] == "first"
    assert json.loads(file.read_text())["message"] == "second"
    assert file.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("configured")
def test_an_audit_file_that_cannot_be_written_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="DCAPI_AUDIT_FILE"):
        configure_logging(settings_from({"AUDIT_FILE": str(tmp_path / "missing" / "audit.log")}))


@pytest.mark.usefixtures("configured")
def test_a_worker_starts_although_the_file_of_its_master_is_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    settings = settings_from({"AUDIT_FILE": str(folder / "audit.log")})
    configure_logging(settings)
    folder.rename(tmp_path / "away")
    configure_logging(settings)
    logging.getLogger(AUDIT_LOGGER).info("written")
    assert "written" in capsys.readouterr().err


@pytest.mark.usefixtures("configured")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dying_thread_is_a_line_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(settings_from({"LOG_FORMAT": "json"}))
    log_everything()
    thread = threading.Thread(target=lambda: 1 / 0, name="short")
    thread.start()
    thread.join()
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert line["message"] == "the thread short died"
    assert "ZeroDivisionError" in line["exception"]
