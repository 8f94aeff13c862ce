"""With DCAPI_AUDIT_STRICT nothing is changed whose line cannot be written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from dcapi.audit_log import RETRY_AFTER
from dcapi.log import configure_logging
from dcapi.settings import settings_from
from tests.conftest import ADMIN_PASSWORD, make_site
from tests.site_client import SiteClient
from tests.subcloud_forms import form, secondary_form

GROUP = {"name": "quays", "description": "all", "update_apply_type": "serial"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


@pytest.fixture
def app(prepared_instance: Path, tmp_path: Path, file: Path) -> Iterator[Flask]:
    settings = {"AUDIT_FILE": str(file), "AUDIT_STRICT": True, "LOG_FORMAT": "json"}
    with make_site(prepared_instance, tmp_path, **settings) as site:
        yield site
    configure_logging(settings_from({}))


@pytest.fixture
def broken(file: Path) -> Callable[[], None]:
    """From then on the file is none."""

    def put() -> None:
        file.rename(file.with_name("audit.log.1"))
        file.mkdir()

    return put


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def refused(answer: Any) -> None:
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == str(RETRY_AFTER)
    assert "The audit log cannot be written, so nothing is changed" in answer.text


def test_a_change_is_refused_before_it_is_made(
    operator: SiteClient, file: Path, broken: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    made = operator.post("/subcloud-groups", json=GROUP).get_json()
    broken()
    refused(operator.post("/subcloud-groups", json={**GROUP, "name": "others"}))
    refused(operator.patch(f"/subcloud-groups/{made['id']}", json={"name": "others"}))
    refused(operator.delete(f"/subcloud-groups/{made['id']}"))
    names = [group["name"] for group in operator.get("/subcloud-groups").get_json()["subcloud_groups"]]
    assert names == ["Default", "quays"]
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"dcapi.audit"' in line]
    assert [(line["verb"], line["status"]) for line in told] == [
        ("create", 503),
        ("update", 503),
        ("delete", 503),
    ]
    file.rmdir()
    assert operator.delete(f"/subcloud-groups/{made['id']}").status_code == 200
    assert [line["message"] for line in lines(file)] == [
        "3 line(s) before this one went to standard error",
        "subcloud_group delete done",
    ]


def test_who_may_not_change_anything_hears_that_first(
    app: Flask, operator: SiteClient, broken: Callable[[], None]
) -> None:
    broken()
    assert app.test_client().delete("/v1.0/subcloud-groups/1").status_code == 401
    assert operator.post("/nothing").status_code == 404
    assert operator.call("PUT", "/subclouds").status_code == 405


def test_a_login_is_refused_whatever_its_password(app: Flask, broken: Callable[[], None]) -> None:
    broken()
    for password in (ADMIN_PASSWORD, "wrong"):
        user = {"name": "admin", "domain": {"name": "Default"}, "password": password}
        login = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
        refused(app.test_client().post("/v3/auth/tokens", json=login))


def test_another_site_that_takes_a_subcloud_over_is_refused_too(
    app: Flask, operator: SiteClient, broken: Callable[[], None]
) -> None:
    site = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD, user_agent="dcmanager/1.0")
    assert site.post("/subclouds", **secondary_form(region_name="quays")).status_code == 200
    broken()
    refused(site.patch("/subclouds/quays", **form(description="other")))
    assert site.get("/subclouds/quays").get_json()["description"] == "Quay 1, north side"
    assert operator.get("/subclouds/quay-1").status_code == 200


def test_a_command_is_refused_before_it_changes_anything(
    app: Flask, broken: Callable[[], None], operator: SiteClient
) -> None:
    broken()
    runner = app.test_cli_runner()
    add = ["dcapi", "user", "add", "joan", "--role", "reader", "--password-stdin"]
    result = runner.invoke(args=add, input="a-password\n")
    assert result.exit_code == 1
    assert "The audit log cannot be written, so nothing is changed" in result.output
    assert "joan" not in runner.invoke(args=["dcapi", "user", "list"]).output


def test_without_strictness_the_change_is_made_and_told_elsewhere(
    prepared_instance: Path, tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with make_site(prepared_instance, tmp_path, AUDIT_FILE=str(file)) as app:
        operator = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD)
        file.unlink()
        file.mkdir()
        assert operator.post("/subcloud-groups", json=GROUP).status_code == 200
    assert "subcloud_group create done" in capsys.readouterr().err
    configure_logging(settings_from({}))
