"""A role does not grow by saying "I am a site", and nobody manages a copy by a PATCH."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update
from werkzeug.test import TestResponse

from dcapi.api.database import db
from dcapi.models import Subcloud
from docs.rights import AS_SITE, KINDS, headers_of
from tests.conftest import make_site
from tests.subcloud_forms import form, secondary_form

REGION = "9f" * 16
COPY = "quay-1"
IS_COPY = "Cannot perform on secondary state subcloud"


@pytest.fixture(scope="module")
def site(prepared_instance: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A site with a copy of another site's subcloud."""
    with make_site(prepared_instance, tmp_path_factory.mktemp("site")) as app:
        made = app.test_client().post(
            "/v1.0/subclouds",
            **secondary_form(region_name=REGION),
            headers=_headers(app, "configurator", True),
        )
        assert made.status_code == 200, made.text
        yield app


def _headers(site: Flask, title: str, as_site: bool) -> dict[str, str]:
    (kind,) = [kind for kind in KINDS if kind.title == title]
    said = AS_SITE if as_site else {}
    return {**headers_of(site, kind), "Accept": "application/json", **said}


def call(site: Flask, title: str, method: str, path: str, *, as_site: bool, **parts: str) -> TestResponse:
    body = form(**parts) if parts else {}
    headers = _headers(site, title, as_site)
    return site.test_client().open(f"/v1.0{path}", method=method, headers=headers, **body)


def state(site: Flask) -> tuple[str, str]:
    shown = call(site, "admin", "GET", f"/subclouds/{COPY}", as_site=False).json or {}
    return shown["management-state"], shown["deploy-status"]


@pytest.mark.parametrize("title", ["operator", "reader"])
@pytest.mark.parametrize(
    ("method", "path", "parts"),
    [
        ("GET", f"/subclouds/{REGION}", {}),
        ("GET", f"/subclouds/{REGION}/detail", {}),
        ("PATCH", f"/subclouds/{REGION}", {"management__state": "managed", "force": "true"}),
        ("PATCH", f"/subclouds/{REGION}", {"management__state": "unmanaged"}),
        ("POST", "/subclouds", {"secondary": "true"}),
        ("DELETE", f"/subclouds/{COPY}", {}),
        ("PATCH", "/subcloud-peer-groups/nowhere", {"migration_status": "complete"}),
    ],
)
def test_who_says_to_be_a_site_needs_the_right_to_modify(
    site: Flask, title: str, method: str, path: str, parts: dict[str, str]
) -> None:
    assert call(site, title, method, path, as_site=True, **parts).status_code == 403
    assert state(site) == ("unmanaged", "secondary")


def test_a_peer_with_the_right_to_modify_is_served(site: Flask) -> None:
    assert call(site, "configurator", "GET", f"/subclouds/{REGION}", as_site=True).status_code == 200


def test_elsewhere_it_means_nothing_to_say_so(site: Flask) -> None:
    assert call(site, "reader", "GET", "/subclouds", as_site=True).status_code == 200
    assert call(site, "reader", "GET", "/system-peers", as_site=True).status_code == 200


@pytest.mark.parametrize("more", [{}, {"force": "true"}])
@pytest.mark.parametrize(
    ("title", "as_site", "reference"),
    [
        ("operator", False, COPY),
        ("configurator", False, COPY),
        ("admin", False, COPY),
        ("configurator", True, REGION),
        ("admin", True, REGION),
    ],
)
def test_nobody_manages_a_copy(
    site: Flask, title: str, as_site: bool, reference: str, more: dict[str, str]
) -> None:
    parts = {"management__state": "managed", **more}
    answer = call(site, title, "PATCH", f"/subclouds/{reference}", as_site=as_site, **parts)
    assert (answer.status_code, (answer.json or {})["description"]) == (400, IS_COPY)
    assert state(site) == ("unmanaged", "secondary")


@pytest.mark.parametrize(
    ("title", "as_site"), [("configurator", False), ("configurator", True), ("admin", True)]
)
def test_whoever_may_modify_unmanages_a_copy_that_is_managed(site: Flask, title: str, as_site: bool) -> None:
    with site.app_context():
        db.session.execute(update(Subcloud).values(management_state="managed"))
        db.session.commit()
    path = f"/subclouds/{REGION if as_site else COPY}"
    answer = call(site, title, "PATCH", path, as_site=as_site, management__state="unmanaged")
    assert answer.status_code == 200, answer.text
    assert state(site) == ("unmanaged", "secondary")
    again = call(site, title, "PATCH", path, as_site=as_site, management__state="unmanaged")
    assert again.status_code == 422
