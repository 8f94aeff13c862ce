"""A release is brought to a subcloud beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.deploy.port import Phase
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.integration.subclouds.verbs import failing
from tests.subcloud_forms import PASSWORD


def prestage(fleet: Fleet, **body: Any) -> Any:
    return fleet.operator.patch("/subclouds/1/prestage", json={"sysadmin_password": PASSWORD, **body})


def test_a_release_that_was_prestaged_joins_the_versions(fleet: Fleet) -> None:
    fleet.managed()
    answer = done(prestage(fleet, release="25.03")).json
    assert (answer["prestage-software-version"], answer["prestage-status"]) == ("25.03", "prestaging")
    refused(prestage(fleet), 409, "Subcloud quay-1 is being prestaged: wait until that has come to its end")
    fleet.run_jobs()
    assert (fleet.show(1)["prestage-status"], fleet.show(1)["prestage-versions"]) == ("complete", "25.03")
    done(prestage(fleet, release="25.09", for_sw_deploy="true"))
    fleet.run_jobs()
    assert fleet.show(1)["prestage-versions"] == "25.03,25.09"


def test_a_prestaging_that_fails_leaves_the_versions(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.managed()
    failing(monkeypatch, Phase.PRESTAGE, "no room")
    done(prestage(fleet, release="25.03"))
    fleet.run_jobs()
    assert (fleet.show(1)["prestage-status"], fleet.show(1)["prestage-versions"]) == ("failed", None)
    assert fleet.show(1)["deploy-status"] == "complete"


def test_a_prestaging_that_was_lost_fails(fleet: Fleet) -> None:
    fleet.managed()
    fleet.set_subcloud(1, prestage_status="prestaging")
    fleet.run_sweep()
    assert fleet.show(1)["prestage-status"] == "failed"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"force": "true"}, "sysadmin_password is required."),
        ({"sysadmin_password": ""}, "sysadmin_password is required."),
        (
            {"sysadmin_password": "no base64!"},
            "Failed to decode subcloud sysadmin_password, verify the password is base64 encoded",
        ),
        ({"sysadmin_password": PASSWORD, "force": "perhaps"}, "Invalid value for force option: perhaps"),
        (
            {"sysadmin_password": PASSWORD, "force": {"password": "Bollard*7"}},
            "Invalid value for force option: {'password': '******'}",
        ),
        ({"sysadmin_password": PASSWORD, "release": "a b"}, "Invalid release"),
        ({"sysadmin_password": PASSWORD, "for_install": 7}, "Invalid for_install value"),
    ],
)
def test_a_prestaging_that_is_wrong_is_refused(fleet: Fleet, body: dict[str, Any], text: str) -> None:
    fleet.managed()
    refused(fleet.operator.patch("/subclouds/1/prestage", json=body), 400, text)


def test_what_is_empty_in_a_prestaging_is_not_given(fleet: Fleet) -> None:
    fleet.managed()
    body = dict.fromkeys(("release", "force", "for_install"), "")
    assert done(prestage(fleet, **body, for_sw_deploy=None)).json["prestage-status"] == "prestaging"


def test_only_what_is_managed_and_online_is_prestaged_unless_forced(fleet: Fleet) -> None:
    fleet.deployed()
    text = "Subcloud quay-1 must be managed and online to be prestaged, unless forced"
    refused(prestage(fleet), 400, text)
    done(prestage(fleet, force=True))


def test_a_secondary_subcloud_is_not_prestaged(fleet: Fleet) -> None:
    fleet.secondary()
    refused(prestage(fleet, force="true"), 400, "Cannot perform on secondary state subcloud")
