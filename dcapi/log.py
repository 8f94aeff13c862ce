"""The log: one line for each thing that happens, under the id of the request that caused it.

Lines go to standard error, the audit log to a file of its own when one is set. A line is plain text or one
JSON object. Whatever a client sends, it ends no line and begins none.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TextIO, TypeVar

from dcapi.audit_file import AUDIT_LOGGER, AuditFile
from dcapi.errors import SettingsError
from dcapi.settings import PREFIX, Settings

# The request that is being served, or the one that a job was submitted in; empty outside of both.
request_id: ContextVar[str] = ContextVar("request_id", default="")
# The id that the sender of that request gave its own work, so that both logs can be joined; empty for none.
global_request_id: ContextVar[str] = ContextVar("global_request_id", default="")

# Bears the id of a request, in its answer and from site to site.
REQUEST_ID_HEADER = "X-Openstack-Request-Id"
# What other services of OpenStack send and take as one. Source: oslo.middleware, request_id.
REQUEST_ID = re.compile(r"req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

LOGGER = "dcapi"
PROJECT_ROOT = Path(__file__).resolve().parent.parent

Fields = Mapping[str, Any]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def new_request_id() -> str:
    return f"req-{uuid.uuid4()}"


def accepted_request_id(text: str | None) -> str:
    """An id that somebody else sent, when it is one; else nothing."""
    return text.lower() if text and REQUEST_ID.fullmatch(text) else ""


@contextmanager
def request_ids(own: str, sender: str = "") -> Iterator[None]:
    """Let what this thread does in the block belong to the request of these ids."""
    tokens = (request_id.set(own), global_request_id.set(sender))
    try:
        yield
    finally:
        request_id.reset(tokens[0])
        global_request_id.reset(tokens[1])


def carrying_ids(work: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function, to be called by other threads, as a part of what this thread serves."""
    ids = (request_id.get(), global_request_id.get())

    def with_ids(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with request_ids(*ids):
            return work(*args, **kwargs)

    return with_ids


# -- Lines --


class _RequestIds(logging.Filter):
    """Notes the ids at the moment of the call; who writes after its request names them itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = request_id.get()
            record.global_request_id = global_request_id.get()
        return True


def fields(values: Fields, **ids: str) -> dict[str, Any]:
    """``extra`` of a log call: values that the line names one by one, and ids other than the current ones."""
    return {"fields": {name: value for name, value in values.items() if value is not None}, **ids}


def printable(text: str) -> str:
    """The text with everything that cannot be seen (line ends, controls, text direction) written out."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _written_out(each) for each in text)


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode()


class PlainFormatter(logging.Formatter):
    """``TIME LEVEL PROCESS LOGGER [REQUEST SENDER'S] message name="value"``, and an exception indented."""

    def format(self, record: logging.LogRecord) -> str:
        ids = " ".join(filter(None, _ids_of(record).values())) or "-"
        named = "".join(f" {name}={_json(value)}" for name, value in _fields_of(record).items())
        line = (
            f"{_time_of(record)} {record.levelname} {record.process} {record.name} [{ids}] "
            f"{printable(record.getMessage())}{named}"
        )
        return "\n    ".join([line, *(printable(part) for part in self._trace(record).splitlines())])

    def _trace(self, record: logging.LogRecord) -> str:
        return "\n".join(filter(None, _traces_of(self, record).values()))


class JsonFormatter(logging.Formatter):
    """One JSON object a line; an exception is one of its fields."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _time_of(record),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "thread": record.threadName,
            **_ids_of(record),
            "message": record.getMessage(),
            **_fields_of(record),
            **_traces_of(self, record),
        }
        return _json({name: value for name, value in entry.items() if value not in (None, "")})


FORMATTERS: dict[str, type[logging.Formatter]] = {"plain": PlainFormatter, "json": JsonFormatter}


def _json(value: Any) -> str:
    """ASCII alone, so that no terminal and no encoding sees anything else in it."""
    return json.dumps(value, default=str)


def _time_of(record: logging.LogRecord) -> str:
    time = datetime.fromtimestamp(record.created, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ids_of(record: logging.LogRecord) -> dict[str, str]:
    return {name: getattr(record, name, "") for name in ("request_id", "global_request_id")}


def _fields_of(record: logging.LogRecord) -> Fields:
    found: Fields = getattr(record, "fields", {})
    return found


def _traces_of(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, str]:
    return {
        "exception": formatter.formatException(record.exc_info) if record.exc_info else "",
        "stack": formatter.formatStack(record.stack_info) if record.stack_info else "",
    }


# -- Where they go --


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what is standard error at that moment."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def configure_logging(settings: Settings) -> None:
    """Write the log of this process as the settings say; once more replaces what was said before.

    What the libraries log goes along from WARNING on: below that some of them write what peers send. Raises
    SettingsError when the audit log cannot be written.
    """
    _replace_handler(logging.getLogger(), _StandardError(), settings)
    logging.getLogger(LOGGER).setLevel(settings.LOG_LEVEL)
    audit = logging.getLogger(AUDIT_LOGGER)
    # Whatever else is left out, who changed what is not.
    audit.setLevel(logging.INFO)
    audit.propagate = not settings.AUDIT_FILE
    _replace_handler(audit, _audit_file(settings), settings)


def audit_file() -> AuditFile | None:
    """The file that this process writes its audit log to; None when that is a part of the log."""
    handlers = logging.getLogger(AUDIT_LOGGER).handlers
    return next((handler for handler in handlers if isinstance(handler, AuditFile)), None)


def _audit_file(settings: Settings) -> AuditFile | None:
    """A worker goes on with the file that its master could open, whatever became of it since."""
    if not settings.AUDIT_FILE:
        return None
    found, known = AuditFile(PROJECT_ROOT / settings.AUDIT_FILE, strict=settings.AUDIT_STRICT), audit_file()
    try:
        if known is None or known.path != found.path:
            found.make()
    except OSError as error:
        name = settings.AUDIT_FILE
        raise SettingsError(f"{PREFIX}AUDIT_FILE={name!r} cannot be written: {error}") from error
    return found


def _replace_handler(logger: logging.Logger, handler: logging.Handler | None, settings: Settings) -> None:
    for old in [old for old in logger.handlers if isinstance(old, _StandardError | AuditFile)]:
        logger.removeHandler(old)
        old.close()
    if handler is not None:
        logger.addHandler(dressed(handler, settings))


def dressed(handler: logging.Handler, settings: Settings) -> logging.Handler:
    """The handler, writing lines of the form that the settings name."""
    handler.setFormatter(FORMATTERS[settings.LOG_FORMAT]())
    handler.addFilter(_RequestIds())
    return handler


def log_everything() -> None:
    """Let warnings and dying threads of this process write lines of the log too, not texts of their own."""
    logging.captureWarnings(True)
    threading.excepthook = _log_dying_thread


def _log_dying_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is None or issubclass(arguments.exc_type, SystemExit):
        return
    name = arguments.thread.name if arguments.thread else "unknown"
    logging.getLogger(LOGGER).critical("the thread %s died", name, exc_info=arguments.exc_value)
