"""Forty spellings of secrets go through a site: none is readable but for whom the rule lets see them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from dcapi.auth.guard import embedded_identity
from dcapi.models import Subcloud
from dcapi.models.secret_values import MASK, data_install, rehome_data
from tests.canary_values import CANARIES, READABLE, spelled
from tests.integration.database.test_secrets import every_cell
from tests.integration.subclouds.fleet import Fleet, done
from tests.postgres import dump
from tests.site_client import SiteClient
from tests.subcloud_forms import PASSWORD, bootstrap_values, form, install_values

PATHS = (
    "/subclouds",
    "/subclouds/1",
    "/subclouds/1/detail",
    "/subcloud-groups/1/subclouds",
    "/subcloud-peer-groups/harbour/subclouds",
)


@pytest.fixture
def configurator(app: Flask) -> SiteClient:
    """Somebody who may change everything and see no secrets."""
    with app.app_context():
        embedded_identity().users.add("rigger", "Rope*work 5 fathoms", ["configurator"], ["admin"])
    return SiteClient.logged_in(app, "rigger", "Rope*work 5 fathoms")


def told(text: str) -> list[str]:
    return [name for name, canary in CANARIES.items() if canary in text]


def saved_in(answer: dict[str, Any]) -> dict[str, Any]:
    saved: dict[str, Any] = json.loads(answer["rehome_data"])["saved_payload"]
    return saved


def test_no_canary_is_readable_in_answers_logs_tables_and_files(
    fleet: Fleet, app: Flask, configurator: SiteClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fleet.group("harbour")
    values = bootstrap_values(**spelled(), description="quay")
    install = install_values(extra_boot_params=spelled()["boot"])
    parts = {"bootstrap_values": values, "install_values": install, "bmc_password": PASSWORD}
    made = fleet.managed(1, **parts)
    joined = fleet.operator.patch(
        "/subclouds/1", **form(peer_group="harbour", bootstrap_address="10.71.9.20", **parts)
    )
    assert set(told(json.dumps(fleet.show(made["id"])))) == set(CANARIES)

    answers = [done(configurator.get(path)).text for path in PATHS]
    for text in (*answers, done(joined).text, done(fleet.operator.get("/subclouds")).text):
        assert told(text) == []
        assert "stx@sha256" in text
    assert told(caplog.text) == []
    uri = fleet.runtime.settings.SQLALCHEMY_DATABASE_URI
    assert told(every_cell(app) + (dump(uri) if uri else "")) == []
    files = [path.read_bytes() for path in Path(app.instance_path).rglob("*") if path.is_file()]
    assert told(b"".join(files).decode(errors="replace")) == []


def test_what_is_no_secret_stays_readable_beside_the_canaries(fleet: Fleet, configurator: SiteClient) -> None:
    fleet.secondary(bootstrap_values=bootstrap_values(**spelled()))
    saved = saved_in(done(configurator.get("/subclouds/1")).json)
    beside = {name: value for name, value in READABLE.items() if value is not None}
    assert saved == {**saved, **beside}
    assert saved["nested"] == {"registry-credentials": MASK}
    assert saved["items"] == [{"apiKey": MASK}, {"pem": MASK}, MASK]
    assert saved["boot"] == MASK


def test_masks_of_all_spellings_can_be_sent_back(fleet: Fleet, configurator: SiteClient) -> None:
    more = {"extra_boot_params": spelled()["boot"], "software_version": "24.09"}
    install = install_values(bmc_password=PASSWORD, **more)
    fleet.secondary(bootstrap_values=bootstrap_values(**spelled()), install_values=install)
    before = stored(fleet)
    read = done(configurator.get("/subclouds/1")).json
    parts = {"bootstrap_values": saved_in(read), "install_values": json.loads(read["data_install"])}
    done(configurator.patch("/subclouds/1", **form(**parts, bmc_password=PASSWORD)))
    assert stored(fleet) == before


def stored(fleet: Fleet) -> tuple[Any, Any]:
    with fleet.runtime.unit_of_work() as session:
        row = session.get_one(Subcloud, 1)
        return rehome_data.read(row), data_install.read(row)
