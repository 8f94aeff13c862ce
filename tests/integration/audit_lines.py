"""The lines of the audit log that a test has caused."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.log import AUDIT_LOGGER

Entry = dict[str, Any]


def audit_lines(caplog: pytest.LogCaptureFixture) -> list[Entry]:
    """What each line names, and its message."""
    records = [record for record in caplog.records if record.name == AUDIT_LOGGER]
    return [{**vars(record)["fields"], "message": record.getMessage()} for record in records]


def acts(caplog: pytest.LogCaptureFixture) -> list[Entry]:
    """The same of what a site did by itself, without what all of these lines have."""
    told = [line for line in audit_lines(caplog) if "method" not in line and line["sender"] != "command line"]
    return [
        {name: value for name, value in line.items() if name not in ("message", "sender")} for line in told
    ]
