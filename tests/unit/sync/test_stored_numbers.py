"""Numbers that were stored where texts belong, before texts were taken as they are written."""

from __future__ import annotations

import json
from typing import Any

from dcapi.models import Subcloud
from dcapi.peers.remote import remote_subcloud
from dcapi.sync.values.compare import shows
from dcapi.sync.values.member import SAVED_PAYLOAD, member_of
from dcapi.sync.values.merge import differing_fields, taken_over, values_here
from tests.unit.sync.builders import LONGEST

GATEWAY = "192.168.204.101"
NUMBERS = {"location": 4711, "software_version": 24.1, "admin_password": 1234}
TEXTS = {"location": "4711", "software_version": "24.1", "admin_password": "1234"}


def row(saved: dict[str, Any], **columns: Any) -> Subcloud:
    saved = {"name": "edge-1", "systemcontroller_gateway_address": GATEWAY, **saved}
    values = {
        "name": "edge-1",
        "region_name": "region-1",
        "description": "rack 4",
        "location": "Ottawa",
        "software_version": "24.09",
        "rehome_data": json.dumps({SAVED_PAYLOAD: saved}),
        "data_install": json.dumps({"bmc_username": saved["location"], "install_type": 3}),
        **columns,
    }
    return Subcloud(**values)


def shown(there: Subcloud) -> dict[str, Any]:
    """The answer for one subcloud, as far as a peer reads it."""
    columns = ("rehome_data", "data_install", "description", "location", "name")
    return {
        **{column: getattr(there, column) for column in columns},
        "region-name": there.region_name,
        "deploy-status": "secondary",
        "software-version": there.software_version,
    }


def test_what_is_sent_is_texts() -> None:
    sent = member_of(row(NUMBERS), GATEWAY).payload
    assert {key: (sent.bootstrap_values or {})[key] for key in TEXTS} == TEXTS
    assert sent.install_values == {"bmc_username": "4711", "install_type": 3}


def test_a_site_with_the_number_and_one_with_the_text_have_the_same() -> None:
    for here, there in ((NUMBERS, TEXTS), (TEXTS, NUMBERS), (NUMBERS, NUMBERS)):
        copy = remote_subcloud(shown(row(there)))
        assert shows(copy, member_of(row(here), GATEWAY)), (here, there)
        mine = values_here(row(here))
        assert differing_fields(mine, taken_over(mine, copy, max_length=LONGEST)) == ()


def test_blanks_that_were_stored_at_the_ends_of_a_text_are_no_difference() -> None:
    blanks = {"description": "rack 4\n", "location": " Ottawa"}
    copy = remote_subcloud(shown(row(TEXTS)))
    assert shows(copy, member_of(row(TEXTS, **blanks), GATEWAY))
    assert shows(remote_subcloud(shown(row(TEXTS, **blanks))), member_of(row(TEXTS), GATEWAY))
