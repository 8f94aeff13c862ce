"""Deploy files, as the official client uploads, shows and deletes them."""

from __future__ import annotations

import io
import zipfile

import pytest

from tests.integration.client.official import APIError, OfficialClient

RELEASE = "22.12"


def with_roles() -> bytes:
    """A playbook with a folder of roles, as the client zips them."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("deploy_playbook.yml", "- hosts: all")
        archive.writestr("roles/dm/tasks/main.yml", "- debug:")
    return made.getvalue()


def test_files_are_uploaded_shown_and_deleted(client: OfficialClient) -> None:
    files = {"deploy_playbook": with_roles(), "deploy_chart": b"chart", "prestage_images": b"a:1"}
    names = {name: f"{name}.yml" for name in files}
    uploaded = client.subcloud_deploy_upload(files, release=RELEASE)
    assert uploaded == {"software_version": RELEASE, **names}
    shown = client.subcloud_deploy_show(RELEASE)
    assert shown == {"software_version": RELEASE, **names, "deploy_overrides": None}
    client.subcloud_deploy_delete(RELEASE, files=True)
    assert client.subcloud_deploy_show(RELEASE)["deploy_chart"] is None
    client.subcloud_deploy_delete(RELEASE)
    with pytest.raises(APIError) as error:
        client.subcloud_deploy_delete(RELEASE)
    assert (error.value.code, error.value.message) == (404, f"Directory not found: {RELEASE}")


def test_a_missing_file_is_told_as_the_client_reads_it(client: OfficialClient) -> None:
    with pytest.raises(APIError) as error:
        client.subcloud_deploy_upload({"deploy_playbook": b"- hosts: all"})
    told = (error.value.code, error.value.message)
    assert told == (400, "error: argument --deploy_chart is required")
    assert client.subcloud_deploy_show()["deploy_playbook"] is None
