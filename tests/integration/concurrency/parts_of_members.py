"""What can be changed of a member: each part by one writer, beside writers of the other parts of the row."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from dcapi.lab.members import Member
from dcapi.lab.operator import Json, base64_text
from dcapi.lab.shared_group import saved_payload


class Part(NamedTuple):
    """``form`` is the request for the n-th value, ``shown`` finds in an answer what ``wanted`` says."""

    form: Callable[[Member, int], Json]
    shown: Callable[[Json], Any]
    wanted: Callable[[Member, int], Any]


def _bootstrap(member: Member, number: int) -> Json:
    """New bootstrap values, one of them a password: that one is stored apart from the others."""
    changed = {"ntp_servers": [f"ntp-{number}.windpark.example"], "admin_password": f"Gale*force{number}"}
    return {"bootstrap_values": {**member.bootstrap_values, **changed}}


def _shown_bootstrap(answer: Json) -> tuple[Any, Any]:
    saved = saved_payload(answer)
    return saved["ntp_servers"], saved["admin_password"]


def _wanted_bootstrap(member: Member, number: int) -> tuple[Any, Any]:
    values = _bootstrap(member, number)["bootstrap_values"]
    return values["ntp_servers"], base64_text(values["admin_password"])


def _address(number: int) -> str:
    return f"10.200.{number // 200}.{number % 200 + 1}"


def _installed(answer: Json) -> Json:
    return dict(json.loads(answer["data_install"]))


PARTS: dict[str, Part] = {
    "description": Part(
        lambda _, number: {"description": f"Painted {number} times"},
        lambda answer: answer["description"],
        lambda _, number: f"Painted {number} times",
    ),
    "location": Part(
        lambda _, number: {"location": f"Pier {number}"},
        lambda answer: answer["location"],
        lambda _, number: f"Pier {number}",
    ),
    "bootstrap values": Part(_bootstrap, _shown_bootstrap, _wanted_bootstrap),
    # In the same column as the bootstrap values.
    "bootstrap address": Part(
        lambda _, number: {"bootstrap_address": _address(number)},
        lambda answer: saved_payload(answer)["bootstrap-address"],
        lambda _, number: _address(number),
    ),
    # In the same column as the password of the bootstrap values.
    "password": Part(
        lambda _, number: {"bmc_password": base64_text(f"Tide*{number}")},
        lambda answer: _installed(answer)["bmc_password"],
        lambda _, number: base64_text(f"Tide*{number}"),
    ),
}
