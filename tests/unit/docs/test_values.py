"""The page on values has a line for every key that is judged, and shows every sample."""

from __future__ import annotations

import re

from dcapi.models.network_values import REQUIRED_KEYS
from dcapi.schemas.bootstrap_values import FORM_KEYS
from dcapi.schemas.install_values import InstallValuesSchema
from dcapi.schemas.subclouds import NewSubcloudSchema
from docs import values
from tests.unit.docs.pages import DOCS, read

LINE = re.compile(
    r"^\| `(?P<key>[^`]+)` \| (?P<need>[^|]*) \| (?P<form>[^|]+) \| (?P<fate>[^|]+) \|$", re.MULTILINE
)


def lines_of(table: str) -> dict[str, re.Match[str]]:
    found = list(LINE.finditer(table))
    keys = [line["key"] for line in found]
    assert len(keys) == len(set(keys))
    return dict(zip(keys, found, strict=True))


def keys_of(schema: NewSubcloudSchema | InstallValuesSchema) -> set[str]:
    return {field.data_key or name for name, field in schema.load_fields.items()}


def test_every_key_of_bootstrap_values_has_its_line() -> None:
    lines = lines_of(values.bootstrap_table())
    assert set(lines) >= {*FORM_KEYS, *keys_of(NewSubcloudSchema())}
    assert {key for key, line in lines.items() if line["need"] == "yes"} == {
        "name",
        "system_mode",
        *REQUIRED_KEYS,
    }


def test_every_key_of_install_values_has_its_line() -> None:
    lines = lines_of(values.install_table())
    assert set(lines) == {*keys_of(InstallValuesSchema()), "software_version", "bmc_password"}
    assert lines["persistent_size"]["form"] == "whole number of at least 30000"
    assert lines["rvmc_debug_level"]["form"] == "whole number from 0 to 4"
    assert lines["bmc_password"]["fate"].startswith("ignored")


def test_what_becomes_of_a_secret_is_told() -> None:
    lines = lines_of(values.bootstrap_table())
    fates = {key: lines[key]["fate"] for key in ("admin_password", "sysadmin_password", "location")}
    assert fates == {
        "admin_password": "read, kept, masked",
        "sysadmin_password": "read, not kept",
        "location": "read, kept",
    }


def test_the_page_shows_every_sample_file() -> None:
    page = read(DOCS / "values.md")
    files = sorted(values.SAMPLES.glob("*.yaml"))
    assert sorted(values.sample_files()) == files
    for file in files:
        assert f"### `{file.name}`\n\n```yaml\n{file.read_text()}```" in page
