"""Answers that show secrets stay in no cache, pages are safe to open, and strangers get short answers."""

from __future__ import annotations

import orjson
import pytest
from flask.testing import FlaskClient

from dcapi.api.bodies import LARGEST_JSON
from dcapi.api.errors import Failure
from dcapi.serving.refusals import error_answer
from tests.site_client import SiteClient
from tests.subcloud_forms import new_form

POLICY = "Content-Security-Policy"
HSTS = "Strict-Transport-Security"


@pytest.mark.parametrize("path", ["/subclouds/1", "/subclouds/1/detail"])
def test_unmasked_secrets_stay_in_no_cache(operator: SiteClient, path: str) -> None:
    assert operator.post("/subclouds", **new_form()).status_code == 200
    assert operator.get(path).headers["Cache-Control"] == "no-store"
    assert "Cache-Control" not in operator.get("/subclouds").headers


@pytest.mark.parametrize("path", ["/v1.0/nothing", "/docs", "/v1.0/subclouds"])
def test_every_page_tells_the_browser_to_load_nothing(client: FlaskClient, path: str) -> None:
    page = client.get(path)
    assert page.content_type.startswith("text/html")
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers.getlist(POLICY)[0].startswith("default-src 'none'")
    assert len(page.headers.getlist(POLICY)) == 1


def test_json_bears_no_policy_of_pages(client: FlaskClient) -> None:
    assert POLICY not in client.get("/healthz").headers


def test_https_is_asked_for_over_https_alone(client: FlaskClient) -> None:
    assert HSTS in client.get("/healthz", base_url="https://localhost").headers
    assert HSTS not in client.get("/healthz").headers


def test_errors_of_the_server_bear_the_headers_of_pages() -> None:
    plain = error_answer(Failure(400, "no"), "req-1", None)
    assert POLICY.encode() in plain
    assert b"nosniff" in plain
    assert HSTS.encode() not in plain
    assert HSTS.encode() in error_answer(Failure(400, "no"), "req-1", None, "https")


def test_a_json_body_above_a_mebibyte_is_refused(operator: SiteClient) -> None:
    large = {"group-name": "x" * LARGEST_JSON}
    answer = operator.post("/subcloud-peer-groups", json=large, headers={"Accept": "application/json"})
    assert answer.status_code == 413
    assert str(LARGEST_JSON) in answer.get_data(as_text=True)


@pytest.mark.parametrize("depth", [100, 900, 1100, 100_000])
@pytest.mark.parametrize("key", ["peer-group-name", "group-priority", "unknown"])
def test_deep_json_is_no_failure_of_the_site(operator: SiteClient, key: str, depth: int) -> None:
    body = orjson.dumps({key: 0}).replace(b"0", b"[" * depth + b"]" * depth)
    answer = operator.post("/subcloud-peer-groups", data=body, content_type="application/json")
    assert answer.status_code == 400
