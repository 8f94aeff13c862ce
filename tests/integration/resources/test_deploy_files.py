"""Deploy files over HTTP: upload, names, deletion, and every way to be refused."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from dcapi.runtime import Runtime
from tests.integration.bad_input.calls import FORM_TYPE, form_bytes, raw_part
from tests.site_client import SiteClient

PATH = "/subcloud-deploy"
CANARY = "Registry*canary-51"
OVERRIDES = f"registry:\n  password: {CANARY}\n".encode()


def part(name: str, file_name: str, content: bytes = b"x", content_type: str = "") -> bytes:
    """As the official client writes a file: the path as it was typed, and mostly no type."""
    header = f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"'
    return raw_part(header + (f"\r\nContent-Type: {content_type}" if content_type else ""), content)


def body(*parts: bytes, **texts: str) -> dict[str, Any]:
    return {"data": b"".join(parts) + form_bytes(texts), "content_type": FORM_TYPE}


def zipped(**members: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return made.getvalue()


PLAYBOOK = part("deploy_playbook", "/home/x/books/deploy.yml", b"- hosts: all\n")
CHART = part("deploy_chart", "C:\\charts\\dm.tgz", b"\x1f\x8b\x00\xff")
OVER = part("deploy_overrides", "/home/x/over.yaml", OVERRIDES)
IMAGES = part("prestage_images", "images.lst", b"quay.example/a:1\n")
NOTHING = dict.fromkeys(("deploy_playbook", "deploy_overrides", "deploy_chart", "prestage_images"))


def names(operator: SiteClient, release: str = "24.09") -> dict[str, Any]:
    answer = operator.get(f"{PATH}/{release}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()["subcloud_deploy"]
    assert found.pop("software_version") == release
    return found


def test_a_release_without_files_shows_four_nulls(operator: SiteClient) -> None:
    assert operator.get(PATH).json == {"subcloud_deploy": {"software_version": "24.09", **NOTHING}}
    assert names(operator, "22.12") == NOTHING


def test_an_upload_answers_and_shows_base_names(operator: SiteClient) -> None:
    answer = operator.post(f"{PATH}/", **body(PLAYBOOK, CHART, OVER, release="22.12"))
    uploaded = {"deploy_playbook": "deploy.yml", "deploy_overrides": "over.yaml", "deploy_chart": "dm.tgz"}
    assert answer.json == {"software_version": "22.12", **uploaded}
    assert names(operator, "22.12") == {**uploaded, "prestage_images": None}
    assert names(operator) == NOTHING


def test_a_new_file_takes_the_place_of_the_old_one(operator: SiteClient) -> None:
    assert operator.post(PATH, **body(PLAYBOOK, CHART)).status_code == 200
    newer = part("deploy_chart", "newer.tgz")
    assert operator.post(PATH, **body(PLAYBOOK, newer)).status_code == 200
    assert names(operator)["deploy_chart"] == "newer.tgz"


def test_images_may_come_alone_and_beside_others_nothing_else(operator: SiteClient) -> None:
    assert operator.post(PATH, **body(IMAGES)).json == {
        "software_version": "24.09",
        "prestage_images": "images.lst",
    }
    refused = operator.post(PATH, **body(IMAGES, OVER))
    assert refused.status_code == 400


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("", set()),
        ("?prestage_images=True&deployment_files=False", {"deploy_playbook", "deploy_chart"}),
        ("?deployment_files=True&prestage_images=False", {"prestage_images"}),
        ("?deployment_files=false&prestage_images=false", set()),
        ("?deployment_files=TRUE&prestage_images=true", set()),
    ],
)
def test_a_deletion_takes_what_its_query_names(operator: SiteClient, query: str, left: set[str]) -> None:
    operator.post(PATH, **body(PLAYBOOK, CHART, IMAGES))
    answer = operator.delete(f"{PATH}/24.09/{query}")
    assert (answer.status_code, answer.json) == (200, None)
    assert {name for name, file in names(operator).items() if file is not None} == left


def test_a_deletion_of_nothing_is_not_found(operator: SiteClient) -> None:
    answer = operator.delete(f"{PATH}/")
    assert (answer.status_code, answer.get_json()["description"]) == (404, "Directory not found: 24.09")
    operator.post(PATH, **body(IMAGES))
    assert operator.delete(f"{PATH}?deployment_files=true").status_code == 200
    assert operator.delete(f"{PATH}?prestage_images=true").status_code == 200
    assert operator.delete(f"{PATH}?prestage_images=true").status_code == 404


PREFIX = "error: argument "
FAILED = "Failed to upload deploy_playbook file: "
ZIP = "application/zip"
RELEASE = "Error: invalid release version parameter. ../24 is not a supported release version (24.09)"

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "neither": (body(OVER), f"{PREFIX}--deploy_playbook --deploy_chart is required"),
    "no chart": (body(PLAYBOOK, OVER), f"{PREFIX}--deploy_chart is required"),
    "no playbook": (body(CHART, IMAGES), f"{PREFIX}--deploy_playbook is required"),
    "no parts": (body(), "Body required"),
    "a release alone": (body(release="24.09"), f"{PREFIX}--deploy_playbook --deploy_chart is required"),
    "missing before release": (body(PLAYBOOK, release="../24"), f"{PREFIX}--deploy_chart is required"),
    "a release that is none": (body(PLAYBOOK, CHART, release="../24"), RELEASE),
    "a release before names": (body(PLAYBOOK, part("deploy_chart", ""), release="../24"), RELEASE),
    "a release as a file": (body(PLAYBOOK, CHART, part("release", "r")), "Invalid release"),
    "a text for a file": (body(PLAYBOOK, deploy_chart="x"), "No deploy_chart file uploaded"),
    "no file name": (body(PLAYBOOK, part("deploy_chart", "")), "No deploy_chart file uploaded"),
    "a folder": (body(PLAYBOOK, part("deploy_chart", "/a/b/")), "No deploy_chart file uploaded"),
    "a way out": (body(PLAYBOOK, part("deploy_chart", "/a/..")), "No deploy_chart file uploaded"),
    "a control": (body(PLAYBOOK, part("deploy_chart", "a\x1bb")), "control characters"),
    "a long name": (body(PLAYBOOK, part("deploy_chart", "c" * 256)), "255"),
    "a long name in bytes": (body(PLAYBOOK, part("deploy_chart", "ø" * 128)), "255"),
    "a chart after a good playbook": (body(PLAYBOOK, OVER, part("deploy_chart", "")), "No deploy_chart"),
    "no zip": (body(part("deploy_playbook", "p.yml", b"- x", ZIP), CHART), f"{FAILED}it is no readable zip"),
    "an empty zip": (body(part("deploy_playbook", "p.yml", zipped(), ZIP), CHART), FAILED),
    "another main file": (
        body(part("deploy_playbook", "p.yml", zipped(roles__p_yml=b"-"), ZIP), CHART),
        f"{FAILED}its playbook is not at its top",
    ),
    "a way out of a zip": (
        body(part("deploy_playbook", "p.yml", zipped(p_yml=b"-", ____etc=b"-"), ZIP), CHART),
        FAILED,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_upload_stores_nothing(operator: SiteClient, name: str) -> None:
    form, said = REFUSED[name]
    answer = operator.post(PATH, **form)
    assert answer.status_code == 400, answer.text
    assert said in answer.get_json()["description"]
    assert names(operator) == NOTHING
    page = operator.post(PATH, headers={"Accept": "text/html"}, **form)
    assert (page.status_code, page.mimetype) == (400, "text/html")


def test_overrides_are_bounded_as_other_yaml_is(operator: SiteClient, runtime: Runtime) -> None:
    large = part("deploy_overrides", "o.yaml", b"#" * (runtime.settings.MAX_YAML_LENGTH + 1))
    assert operator.post(PATH, **body(PLAYBOOK, CHART, large)).status_code == 413
    assert names(operator) == NOTHING


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/a%20b"),
        ("DELETE", "/a%20b"),
        ("GET", "/%00"),
        ("DELETE", "?deployment_files=maybe"),
        ("DELETE", "/24.09?prestage_images=2"),
    ],
)
def test_a_wrong_release_or_query_is_refused(operator: SiteClient, method: str, path: str) -> None:
    operator.post(PATH, **body(PLAYBOOK, CHART))
    assert operator.call(method, PATH + path).status_code == 400
    assert names(operator)["deploy_chart"] == "dm.tgz"


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_no_other_method_is_taken(operator: SiteClient, method: str) -> None:
    assert operator.call(method, PATH).status_code == 405


def test_a_json_body_is_no_upload(operator: SiteClient) -> None:
    assert operator.post(PATH, json={"release": "24.09"}).status_code == 400


def test_a_zipped_playbook_with_roles_is_kept_as_it_came(operator: SiteClient, runtime: Runtime) -> None:
    content = zipped(p_yml=b"- hosts: all", roles__a__tasks__main_yml=b"- debug:")
    sent = body(part("deploy_playbook", "/home/x/p.yml", content, ZIP), CHART)
    assert operator.post(PATH, **sent).status_code == 200
    from dcapi.services.deploying.deploy_files import for_configuration

    kept = {file.part: file.content for file in for_configuration(runtime, "24.09")()}
    assert kept == {"deploy_playbook": content, "deploy_chart": b"\x1f\x8b\x00\xff"}


def test_no_content_can_be_read_in_the_database(app: Flask, operator: SiteClient, runtime: Runtime) -> None:
    answer = operator.post(PATH, **body(PLAYBOOK, CHART, OVER))
    assert CANARY not in answer.text + operator.get(PATH).text
    with runtime.unit_of_work() as session:
        stored = session.execute(text("SELECT content FROM deploy_file")).scalars().all()
    assert len(stored) == 3
    assert not [each for each in stored if CANARY in each or "hosts" in each]
