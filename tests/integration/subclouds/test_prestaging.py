"""A release is brought to a subcloud beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.deploy.port import Phase
from tests.integration.kept_tasks import forget_payloads
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.integration.subclouds.verbs import busy_text, failing
from tests.subcloud_forms import PASSWORD


def prestage(fleet: Fleet, **body: Any) -> Any:
    return fleet.operator.patch("/subclouds/1/prestage", json={"sysadmin_password": PASSWORD, **body})


def test_a_release_that_was_prestaged_joins_the_versions(fleet: Fleet) -> None:
    fleet.managed()
    answer = done(prestage(fleet, release="25.03")).json
    assert (answer["prestage-software-version"], answer["prestage-status"]) == ("25.03", "prestaging")
    busy = f"Prestage skipped 'quay-1': {busy_text('prestage_status', 'prestaging')}"
    for force in (False, True):
        refused(prestage(fleet, force=force), 400, busy)
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
    done(prestage(fleet, release="25.03"))
    forget_payloads(fleet.runtime)
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


# (management state, availability, prestage status) → the first reason against a prestaging
REASONS = {
    ("unmanaged", "online", None): "Subcloud is not managed.",
    ("managed", "offline", None): "Subcloud is offline.",
    ("unmanaged", "offline", None): "Subcloud is offline.",
    ("managed", "offline", "prestaging"): "Subcloud is offline.",
    ("unmanaged", "online", "prestaging"): "Subcloud is not managed.",
    ("managed", "online", "prestaging"): busy_text("prestage_status", "prestaging"),
}


def test_only_what_is_managed_and_online_is_prestaged_unless_forced(fleet: Fleet) -> None:
    fleet.managed()
    for (managed, available, prestaging), reason in REASONS.items():
        fleet.set_subcloud(
            1, management_state=managed, availability_status=available, prestage_status=prestaging
        )
        # What is known of the state comes before what is wrong with the release.
        for release in (None, "x"):
            refused(prestage(fleet, release=release), 400, f"Prestage skipped 'quay-1': {reason}")
    fleet.set_subcloud(1, management_state="unmanaged", availability_status="offline", prestage_status=None)
    assert done(prestage(fleet, force=True)).json["prestage-status"] == "prestaging"


FORMAT = "Specified release format is not supported. Version format must be MM.mm."
RELEASES: tuple[Any, ...] = ("25", "25.3", "25.03.1", "a b", "v25.03", "25.03\n", 25.03, 2503, ["25.03"])


def test_a_release_of_another_form_is_not_prestaged(fleet: Fleet) -> None:
    fleet.managed()
    for release in RELEASES:
        refused(prestage(fleet, release=release), 400, f"Prestage failed 'quay-1': {FORMAT}")
    assert fleet.show(1)["prestage-status"] is None


def too_old(release: str, current: str) -> str:
    return (
        f"Prestage failed 'quay-1': The requested software version ({release}) is lower than the current "
        f"subcloud software version ({current})."
    )


def test_an_older_release_is_not_prestaged_to_be_deployed(fleet: Fleet) -> None:
    fleet.managed()
    for release, current in (("24.03", "24.09"), ("23.12", "24.03"), ("09.12", "10.01")):
        fleet.set_subcloud(1, software_version=current)
        refused(prestage(fleet, for_sw_deploy=True, release=release), 400, too_old(release, current))
    fleet.set_subcloud(1, software_version="25.09")
    refused(prestage(fleet, for_sw_deploy=True), 400, too_old("24.09", "25.09"))  # this site's own
    done(prestage(fleet, for_install=True))


@pytest.mark.parametrize("current", ["24.09", "of-the-peer"])
def test_a_release_that_is_not_known_to_be_older_is_prestaged(fleet: Fleet, current: str) -> None:
    fleet.managed()
    fleet.set_subcloud(1, software_version=current)
    done(prestage(fleet, for_sw_deploy=True, release="24.09"))


def test_a_secondary_subcloud_is_not_prestaged(fleet: Fleet) -> None:
    fleet.secondary()
    refused(prestage(fleet, force="true"), 400, "Cannot perform on secondary state subcloud")
