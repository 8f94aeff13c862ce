"""How much is stored of the values of one subcloud, whoever brings them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from dcapi.models.limits import LARGEST_VALUES
from tests.conftest import make_site
from tests.integration.bad_input.calls import FORM_TYPE, File, form_bytes
from tests.integration.subclouds.fleet import Fleet, done
from tests.subcloud_forms import (
    ADDRESS,
    PASSWORD,
    bootstrap_values,
    form,
    install_values,
    new_form,
    secondary_form,
)

# Each fits into a document, three of them into no row.
LONG = "x" * (LARGEST_VALUES // 3 + 1)

Parts = dict[str, Any]


@pytest.fixture
def app(prepared_instance: Path, tmp_path: Path, database_uri: str) -> Iterator[Flask]:
    """A site that takes documents of that size."""
    settings = {"SQLALCHEMY_DATABASE_URI": database_uri, "MAX_YAML_LENGTH": LARGEST_VALUES}
    with make_site(prepared_instance, tmp_path, **settings) as site:
        yield site


def too_large(answer: Any) -> None:
    assert answer.status_code == 400, answer.text
    told = answer.json["description"]
    assert told.startswith("The values of subcloud quay-1 take ")
    assert told.endswith(f"may take {LARGEST_VALUES} bytes together")


def whole(options: dict[str, Any]) -> dict[str, Any]:
    """The same form in one piece: a client of the tests would spool its large files, and leave them open."""
    parts = {
        name: File(value[0].getvalue()) if isinstance(value, tuple) else value
        for name, value in options["data"].items()
    }
    return {"data": form_bytes(parts), "content_type": FORM_TYPE}


def bootstrap(*keys: str) -> dict[str, Any]:
    return {**bootstrap_values(), **dict.fromkeys(keys, LONG)}


def install(*keys: str) -> dict[str, Any]:
    return {**install_values(), **dict.fromkeys(keys, LONG)}


TOO_LARGE: dict[str, Parts] = {
    "three documents": {
        "bootstrap_values": bootstrap("a"),
        "install_values": install("b"),
        "deploy_config": LONG.encode(),
    },
    "two documents": {"bootstrap_values": bootstrap("a", "c"), "install_values": install("b")},
}


@pytest.mark.parametrize("which", TOO_LARGE)
def test_a_new_subcloud_with_too_large_values_is_refused(fleet: Fleet, which: str) -> None:
    parts = new_form(bmc_password=PASSWORD, **TOO_LARGE[which])
    too_large(fleet.operator.post("/subclouds", **whole(parts)))
    assert done(fleet.operator.get("/subclouds")).json == {"subclouds": []}


def test_a_copy_from_another_site_with_too_large_values_is_refused(fleet: Fleet) -> None:
    too_large(fleet.other_site.post("/subclouds", **whole(secondary_form(**TOO_LARGE["two documents"]))))
    copy = secondary_form(bootstrap_values=bootstrap("a"), region_name="quays")
    done(fleet.other_site.post("/subclouds", **whole(copy)))
    larger = form(install_values=install("b", "c"))
    too_large(fleet.other_site.patch("/subclouds/quays", **whole(larger)))
    done(fleet.other_site.patch("/subclouds/quays", **whole(form(install_values=install("b")))))


def deployed(fleet: Fleet, **parts: Any) -> Any:
    """What is shown of a subcloud that was deployed with these parts, and is off the air."""
    done(fleet.operator.post("/subclouds", **whole(new_form(**parts))))
    fleet.run_jobs()
    fleet.set_subcloud(1, availability_status="offline")
    return fleet.show(1)


def test_a_change_that_makes_values_too_large_changes_nothing(fleet: Fleet) -> None:
    before = deployed(fleet, deploy_config=LONG.encode())
    larger: tuple[Parts, ...] = (
        {"bootstrap_values": bootstrap("a", "b"), "bootstrap_address": ADDRESS},
        {"install_values": install("a", "b"), "bmc_password": PASSWORD},
    )
    for parts in larger:
        too_large(fleet.operator.patch("/subclouds/1", **whole(form(description="other", **parts))))
    assert fleet.show(1) == before
    fits = form(install_values=install("a"), bmc_password=PASSWORD)
    done(fleet.operator.patch("/subclouds/1", **whole(fits)))


def test_a_redeployment_with_too_large_values_is_not_begun(fleet: Fleet) -> None:
    before = deployed(fleet, install_values=install("b"), bmc_password=PASSWORD)
    given = {"sysadmin_password": PASSWORD, "deploy_config": LONG.encode()}
    again = form(bootstrap_values=bootstrap("a"), **given)
    too_large(fleet.operator.patch("/subclouds/1/redeploy", **whole(again)))
    assert fleet.show(1) == before
    done(fleet.operator.patch("/subclouds/1/redeploy", **whole(form(**given))))
