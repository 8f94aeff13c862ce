"""Who asks for a phase, how a subcloud is named there, and what is answered."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.deploy.port import Phase
from tests.integration.phased.phases import CONFIG, PARTS, URL, Phased, new_parts
from tests.integration.subclouds.fleet import done, refused
from tests.integration.subclouds.verbs import failing
from tests.subcloud_forms import PASSWORD, bootstrap_values, form, install_values

pytestmark = pytest.mark.parametrize("database_uri", ["sqlite"], indirect=True)

# What the official client cannot do without.
KEYS = (
    "id",
    "name",
    "description",
    "location",
    "software-version",
    "management-state",
    "availability-status",
    "deploy-status",
    "management-subnet",
    "management-start-ip",
    "management-end-ip",
    "management-gateway-ip",
    "systemcontroller-gateway-ip",
    "created-at",
    "updated-at",
    "group_id",
    "peer_group_id",
    "backup-status",
    "backup-datetime",
    "prestage-status",
    "prestage-versions",
)
# Verb → a status in which it is taken, and the one at its end.
VERBS = {
    "install": ("create-complete", "install-complete"),
    "bootstrap": ("install-complete", "bootstrap-complete"),
    "configure": ("bootstrap-complete", "complete"),
    "complete": ("bootstrap-complete", "complete"),
    "abort": ("bootstrapping", "bootstrap-aborted"),
    "resume": ("create-complete", "complete"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_subcloud_is_named_by_id_or_name_and_not_by_its_region(phased: Phased, verb: str) -> None:
    phased.created()
    region = phased.fleet.show(1)["region-name"]
    for reference in (1, "quay-1"):
        phased.fleet.set_subcloud(1, deploy_status=VERBS[verb][0])
        answer = done(phased.ask(verb, reference))
        assert set(KEYS) <= answer.json.keys()
        phased.fleet.run_jobs()
    refused(phased.ask(verb, region), 404, "Subcloud not found")


@pytest.mark.parametrize("verb", VERBS)
def test_another_site_is_a_caller_like_any_other(phased: Phased, verb: str) -> None:
    other_site, url = phased.fleet.other_site, f"{URL}/quay-1/{verb}"
    parts = form(**new_parts())
    assert done(other_site.post(URL, headers={"Prefer": "wait=0"}, **parts)).json["name"] == "quay-1"
    phased.fleet.run_jobs()
    phased.fleet.set_subcloud(1, deploy_status=VERBS[verb][0])
    done(other_site.patch(url, **form(**PARTS.get(verb, {}))))
    region = phased.fleet.show(1)["region-name"]
    refused(other_site.patch(f"{URL}/{region}/{verb}", **form(a="x")), 404, "Subcloud not found")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_can_be_waited_for(phased: Phased, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    phased.created()
    status, end = VERBS[verb]
    phased.fleet.set_subcloud(1, deploy_status=status)
    monkeypatch.setattr("dcapi.api.prefer.time.sleep", lambda _: phased.fleet.run_jobs())
    url, parts = f"{URL}/1/{verb}", form(**PARTS.get(verb, {}))
    answer = done(phased.fleet.operator.patch(url, headers={"Prefer": "wait=20"}, **parts))
    assert answer.json["deploy-status"] == end
    assert answer.headers["Preference-Applied"] == "wait=20"


@pytest.mark.parametrize("content", [{"data": b""}, {"data": b"--ebb--\r\n"}, {"data": b"--ebb--"}])
@pytest.mark.parametrize("verb", ["complete", "abort"])
def test_a_verb_without_parts_needs_no_body(phased: Phased, verb: str, content: dict[str, Any]) -> None:
    phased.created()
    phased.fleet.set_subcloud(1, deploy_status=VERBS[verb][0])
    kind = "multipart/form-data; boundary=ebb"
    done(phased.fleet.operator.patch(f"{URL}/1/{verb}", content_type=kind, **content))


def test_parts_of_other_verbs_are_ignored(phased: Phased) -> None:
    phased.created()
    parts: dict[str, Any] = {"deploy_config": "no file", "install_values": b"[1", "release": "24/09"}
    assert done(phased.ask("bootstrap", **parts, unknown="x")).json["software-version"] == "24.09"
    phased.fleet.run_jobs()
    done(phased.ask("complete", **parts, bootstrap_values=b"[1"))


def test_a_creation_that_fails_is_answered_as_well(phased: Phased, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = phased.fleet
    failing(monkeypatch, Phase.CREATE, "no room")
    monkeypatch.setattr("dcapi.api.prefer.time.sleep", lambda _: fleet.run_jobs())
    answer = done(fleet.operator.post(URL, **form(**new_parts()))).json
    assert (answer["deploy-status"], answer["error-description"]) == ("create-failed", "no room")


@pytest.mark.parametrize("group", ["1", "Default"])
def test_the_group_of_a_creation_is_an_id_or_a_name(phased: Phased, group: str) -> None:
    assert done(phased.create(group_id=group)).json["group_id"] == 1


def test_a_creation_stores_what_the_other_phases_need(phased: Phased) -> None:
    install: dict[str, Any] = {"install_values": install_values(), "bmc_password": PASSWORD}
    answer = done(phased.create(deploy_config=CONFIG, release="25.09", **install)).json
    assert (answer["deploy-status"], answer["software-version"]) == ("pre-deploy", "25.09")
    phased.fleet.run_jobs()
    assert phased.run("resume") == "complete"


@pytest.mark.parametrize(
    ("path", "code", "title", "text"),
    [
        ("/9/abort", 404, "Not Found", "Subcloud not found"),
        ("/1/abort", 400, "Bad Request", "Subcloud deploy status must be in one of the following states: "),
        ("/1/install", 409, "Conflict", "Subcloud quay-1 current prestage_status is 'prestaging'."),
    ],
)
def test_refusals_come_as_json_and_as_a_page(
    phased: Phased, path: str, code: int, title: str, text: str
) -> None:
    phased.created()
    phased.fleet.set_subcloud(1, prestage_status="prestaging")
    parts = form(sysadmin_password=PASSWORD)
    as_json: Any = phased.fleet.operator.patch(f"{URL}{path}", **parts)
    assert (as_json.status_code, as_json.json["code"], as_json.json["title"]) == (code, code, title)
    assert as_json.json["description"].startswith(text)
    parts = form(sysadmin_password=PASSWORD)
    page = phased.fleet.operator.patch(f"{URL}{path}", headers={"Accept": "*/*"}, **parts)
    assert (page.status_code, page.mimetype) == (code, "text/html")
    assert f"<h1>{code} {title}</h1>" in page.text
    assert text.split("'")[0] in page.text


def test_a_reference_of_digits_is_an_id_alone(phased: Phased) -> None:
    phased.created(2, bootstrap_values=bootstrap_values(2))
    refused(phased.ask("bootstrap", 2), 404, "Subcloud not found")
