"""A policy file in a whole site: what it changes, and that a wrong one stops the start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from dcapi import create_app, prepare
from dcapi.errors import SettingsError
from dcapi.instance import PROJECT_ROOT
from dcapi.settings import settings_from
from docs.rights import KINDS, headers_of
from tests.conftest import make_site, site_settings

MODIFY = "dc_api:subclouds:modify"
MANAGE = "dc_api:subclouds:manage_unmanage"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return tmp_path / "policy.yaml"


@pytest.fixture
def site(
    prepared_instance: Path, tmp_path: Path, policy: Path, request: pytest.FixtureRequest
) -> Iterator[Flask]:
    """A site with the policy that the test's mark gives."""
    policy.write_text(request.param)
    with make_site(prepared_instance, tmp_path, POLICY_FILE=str(policy)) as made:
        yield made


def patch(site: Flask, title: str, **form: str) -> TestResponse:
    """The answer to a PATCH of a subcloud that there is not: 404 for who may."""
    (kind,) = [kind for kind in KINDS if kind.title == title]
    return site.test_client().patch(
        "/v1.0/subclouds/nowhere",
        data={name.replace("_", "-"): value for name, value in form.items()},
        content_type="multipart/form-data",
        headers={**headers_of(site, kind), "Accept": "application/json"},
    )


@pytest.mark.parametrize("site", [f"'{MANAGE}': role:operator"], indirect=True)
def test_to_manage_takes_the_rule_to_manage_also_from_who_may_modify(site: Flask) -> None:
    assert patch(site, "admin", management_state="managed").status_code == 403
    assert patch(site, "admin", management_state="managed", description="x").status_code == 404
    assert patch(site, "admin", description="x").status_code == 404
    assert patch(site, "operator", management_state="managed", force="true").status_code == 404
    assert patch(site, "operator", management_state="managed", description="x").status_code == 403


@pytest.mark.parametrize("site", [f"'{MODIFY}': role:operator"], indirect=True)
def test_who_may_do_what_follows_the_file(site: Flask) -> None:
    assert patch(site, "operator", description="x").status_code == 404
    refused = patch(site, "admin", description="x")
    assert refused.status_code == 403
    assert refused.json is not None
    assert refused.json["description"] == f"Not allowed by {MODIFY}: it takes a role of operator"


@pytest.mark.parametrize("site", ["system_project: project_name:demo"], indirect=True)
def test_the_projects_that_count_follow_the_file(site: Flask) -> None:
    assert patch(site, "other project", description="x").status_code == 404
    assert patch(site, "admin", description="x").status_code == 403


@pytest.mark.parametrize(
    "site", ["dc_api:subclouds:get: '@'\ndc_api:subcloud_peer_groups:get: '@'"], indirect=True
)
def test_a_rule_for_everybody_still_takes_a_token(site: Flask) -> None:
    client = site.test_client()
    for path in ("/v1.0/subclouds", "/v1.0/subcloud-peer-groups"):
        assert client.get(path).status_code == 401
        for kind in KINDS[:-1]:
            assert client.get(path, headers=headers_of(site, kind)).status_code == 200, kind.title


def test_two_sites_in_one_process_judge_by_rules_of_their_own(
    prepared_instance: Path, tmp_path: Path, policy: Path
) -> None:
    policy.write_text(f"'{MODIFY}': '!'")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with (
        make_site(prepared_instance, tmp_path / "a", POLICY_FILE=str(policy)) as strict,
        make_site(prepared_instance, tmp_path / "b") as usual,
    ):
        for _ in range(2):
            assert patch(strict, "admin", description="x").status_code == 403
            assert patch(usual, "admin", description="x").status_code == 404


def test_a_wrong_file_stops_preparation_and_the_application(tmp_path: Path, policy: Path) -> None:
    policy.write_text("dc_api:subcloud:get: role:admin")
    settings = site_settings(tmp_path / "instance", POLICY_FILE=str(policy))
    with pytest.raises(SettingsError, match="unknown rule dc_api:subcloud:get"):
        prepare(settings_from(settings))
    with pytest.raises(SettingsError, match="unknown rule dc_api:subcloud:get"):
        create_app(settings)
    assert not (tmp_path / "instance").exists()


def run_command(tmp_path: Path, policy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DCAPI_")},
        "DCAPI_INSTANCE_PATH": str(tmp_path / "instance"),
        "DCAPI_ADMIN_PASSWORD": "a password of tests",
        "DCAPI_POLICY_FILE": str(policy),
        # What oslo.config would read, were it let.
        "OS_OSLO_POLICY__POLICY_DEFAULT_RULE": "nonsense",
    }
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_line_says_in_one_line_what_is_wrong(tmp_path: Path, policy: Path) -> None:
    policy.write_text("dc_api:subclouds:get: rolle:admin")
    result = run_command(tmp_path, policy, "dcapi", "policy")
    assert result.returncode != 0
    (line,) = [line for line in result.stderr.splitlines() if "rolle" in line]
    assert line.startswith(
        f"dcapi: the policy file {policy} cannot be used: dc_api:subclouds:get: rolle:admin"
    )
    assert "Traceback" not in result.stderr


def test_the_command_shows_a_file_that_is_right(tmp_path: Path, policy: Path) -> None:
    policy.write_text("dc_api:subclouds:get: role:watcher")
    result = run_command(tmp_path, policy, "dcapi", "policy")
    assert result.returncode == 0, result.stderr
    assert any(
        line.split()[:2] == ["dc_api:subclouds:get", "role:watcher"] for line in result.stdout.splitlines()
    )
