"""A payload as the form that carries it, and the YAML that reads back as it was written."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from dcapi.peers.payload import SubcloudPayload, to_yaml

JSON_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | JSON_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(JSON_TEXT, inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(JSON_TEXT, JSON_VALUES, max_size=5))
def test_values_read_back_as_they_were_written(values: dict[str, Any]) -> None:
    assert yaml.safe_load(to_yaml(values)) == values


def test_what_json_would_lose_in_yaml_is_kept() -> None:
    values = {"number": 1e20, "text": "1e20", "break": "a\u2028b\x85c", "face": "\U0001f600", "yes": "yes"}
    assert yaml.safe_load(to_yaml(values)) == values


def test_a_value_that_stands_twice_is_written_twice() -> None:
    shared = {"url": "registry.central:9001"}
    assert b"&" not in to_yaml({"first": shared, "second": shared})


def test_values_as_operators_write_them_read_back() -> None:
    values = {
        "dns_servers": ["10.10.10.2", "fd01::2"],
        "rootfs_device": "/dev/disk/by-path/pci-0000:c3:00.0-nvme-1",
        "software_version": "24.09",
        "no_check_certificate": True,
        "admin_password": "Li69nux*",
        "description": "Lab, zone 2 \u2013 second floor",
    }
    assert yaml.safe_load(to_yaml(values)) == values


def names(form: list[tuple[str, tuple[str | None, bytes]]]) -> set[str]:
    return {name for name, _ in form}


def test_none_is_left_out_and_the_empty_text_is_sent() -> None:
    payload = SubcloudPayload("edge-1", "a" * 32, description="", bootstrap_values={})
    assert names(payload.creation_form()) == {
        "secondary",
        "name",
        "region_name",
        "description",
        "bootstrap_values",
    }
    assert payload.update_form() == [
        ("bootstrap_values", ("bootstrap_values.yaml", b"{}\n")),
        ("description", (None, b"")),
    ]


def test_the_address_is_spelled_as_each_call_wants_it() -> None:
    payload = SubcloudPayload("edge-1", "a" * 32, bootstrap_address="10.10.10.12")
    assert "bootstrap-address" in names(payload.creation_form())
    assert names(payload.update_form()) == {"bootstrap_address"}


def test_the_secrets_of_a_payload_are_known_encoded_and_not() -> None:
    values = {"admin_password": "Qm9sbGFyZCo3", "deep": [{"password": "Winch 3"}], "pin_password": "x"}
    payload = SubcloudPayload(
        "quay", "r", bootstrap_values=values, install_values={"bmc_password": "c2VhbA=="}
    )
    assert set(payload.secrets()) == {"Qm9sbGFyZCo3", "Bollard*7", "Winch 3", "c2VhbA==", "seal", "x"}
    assert "Winch" not in repr(payload)
