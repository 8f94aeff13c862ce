"""A user who asks too often is told when to come back, unless load must not decide about the request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from dcapi.api.request_limits import EXEMPT
from dcapi.auth.users import Users
from dcapi.instance import InstanceFolder
from tests.conftest import ADMIN_PASSWORD, make_site
from tests.site_client import SiteClient
from tests.subcloud_forms import form, secondary_form

# One in fifty seconds: no test gets another one by being slow.
PER_SECOND = 0.02


@pytest.fixture
def site(prepared_instance: Path, tmp_path: Path) -> Iterator[Flask]:
    with make_site(prepared_instance, tmp_path, USER_REQUESTS_PER_SECOND=PER_SECOND) as made:
        yield made


def new_user(site: Flask, name: str, role: str, **more: str) -> SiteClient:
    Users(InstanceFolder(Path(site.instance_path))).add(name, "secret", [role], ["admin"])
    return SiteClient.logged_in(site, name, "secret", **more)


def codes(client: SiteClient, path: str, times: int = 2) -> list[int]:
    return [client.get(path).status_code for _ in range(times)]


def test_the_request_above_the_limit_is_told_when_to_come_back(site: Flask) -> None:
    operator = SiteClient.logged_in(site, "admin", ADMIN_PASSWORD)
    assert operator.get("/subclouds").status_code == 200
    refused = operator.get("/subclouds")
    assert refused.status_code == 429
    assert 45 <= int(refused.headers["Retry-After"]) <= 50
    assert "More than 0.02 requests of user 'admin' in a second: try again in" in refused.text
    assert operator.delete("/subcloud-groups/1").status_code == 429


def test_a_user_is_not_held_up_by_another_one_nor_freed_by_another_token(site: Flask) -> None:
    first, second = (SiteClient.logged_in(site, "admin", ADMIN_PASSWORD) for _ in range(2))
    assert codes(first, "/subclouds", 1) + codes(second, "/subclouds", 1) == [200, 429]
    assert codes(new_user(site, "rita", "reader"), "/subclouds") == [200, 429]


def test_what_needs_no_token_has_no_limit(site: Flask) -> None:
    for path in ("/", "/v3", "/healthz", "/readyz", "/nowhere"):
        assert {site.test_client().get(path).status_code for _ in range(3)} <= {200, 404}


def test_load_never_decides_who_manages_a_subcloud(site: Flask) -> None:
    sender = new_user(site, "sender", "configurator", user_agent="dcmanager/1.0")
    region = sender.post("/subclouds", **secondary_form()).get_json()["region-name"]
    other_site = new_user(site, "site-b", "configurator", user_agent="dcmanager/1.0")
    assert codes(other_site, "/subclouds") == [200, 429]
    for path in (f"/subclouds/{region}", f"/subclouds/{region}/detail"):
        assert codes(other_site, path) == [200, 200]
    changed = [other_site.patch(f"/subclouds/{region}", **form(description=text)) for text in "xy"]
    assert [answer.status_code for answer in changed] == [200, 200]
    assert other_site.get("/subclouds").status_code == 429


def test_whoever_says_that_it_is_a_site_without_the_right_is_not_exempt(site: Flask) -> None:
    reader = new_user(site, "rita", "reader", user_agent="dcmanager/1.0")
    assert codes(reader, "/subclouds/nothing") == [403, 403]
    admin = new_user(site, "anne", "admin")
    assert codes(admin, "/subclouds/nothing") == [404, 429]


def test_the_exempt_views_are_there(app: Flask) -> None:
    assert set(app.view_functions) >= EXEMPT


def test_without_the_setting_there_is_no_limit(operator: SiteClient) -> None:
    assert set(codes(operator, "/subclouds", 30)) == {200}
