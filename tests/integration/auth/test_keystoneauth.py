"""Unmodified keystoneauth1 clients log in and find their way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from keystoneauth1 import exceptions, session
from keystoneauth1.identity import generic, v3

from dcapi.auth.users import Users
from dcapi.instance import InstanceFolder
from tests.integration.auth.small_site import PASSWORD, SITE, served

INTERFACES = ("public", "internal", "admin")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with served(tmp_path) as url:
        yield url


@pytest.fixture
def connection() -> Iterator[requests.Session]:
    with requests.Session() as made:
        yield made


def values(url: str, **other: Any) -> dict[str, Any]:
    """What a site is told about its peer, in the words of keystoneauth1."""
    return {
        "auth_url": f"{url}/v3",
        "username": "admin",
        "password": PASSWORD,
        "user_domain_name": "Default",
        "project_name": "admin",
        "project_domain_name": "Default",
        **other,
    }


def opened(plugin: Any, connection: requests.Session) -> Any:
    return session.Session(auth=plugin, session=connection)


@pytest.mark.parametrize("plugin", [generic.Password, v3.Password])
@pytest.mark.parametrize("end", ["", "/"])
def test_a_password_client_logs_in_and_asks_which_system_this_is(
    url: str, connection: requests.Session, plugin: Any, end: str
) -> None:
    client = opened(plugin(**values(url, auth_url=f"{url}/v3{end}")), connection)
    where = {"service_type": "platform", "region_name": "RegionOne", "interface": "public"}
    (system,) = client.get("/isystems", endpoint_filter=where).json()["isystems"]
    assert system["uuid"] == SITE.uuid
    assert client.auth.get_access(client).role_names == ["admin", "member", "reader"]


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(
    ("kind", "region", "path"),
    [
        ("identity", None, "/v3"),
        ("identity", "RegionOne", "/v3"),
        ("identity", "SystemController", "/v3"),
        ("dcmanager", "SystemController", "/v1.0"),
        ("dcmanager", None, "/v1.0"),
        ("platform", "RegionOne", "/v1"),
    ],
)
def test_it_finds_each_service_in_its_region(
    url: str, connection: requests.Session, kind: str, region: str | None, path: str, interface: str
) -> None:
    client = opened(v3.Password(**values(url)), connection)
    where = {"service_type": kind, "region_name": region, "interface": interface}
    assert client.get_endpoint(**where) == url + path


@pytest.mark.parametrize(
    ("kind", "region", "version"),
    [
        ("identity", "RegionOne", (3, 14)),
        ("dcmanager", "SystemController", (1, 0)),
        ("platform", "RegionOne", (1, 0)),
    ],
)
def test_it_discovers_the_version_of_each_service(
    url: str, connection: requests.Session, kind: str, region: str, version: tuple[int, int]
) -> None:
    client = opened(generic.Password(**values(url)), connection)
    data = client.auth.get_endpoint_data(client, service_type=kind, region_name=region)
    assert data.api_version == version
    assert data.url.startswith(f"{url}/v{version[0]}")


def test_users_and_projects_can_be_named_by_id(url: str, connection: requests.Session) -> None:
    client = opened(v3.Password(**values(url)), connection)
    access = client.auth.get_access(client)
    by_id = v3.Password(f"{url}/v3", user_id=access.user_id, password=PASSWORD, project_id=access.project_id)
    assert by_id.get_access(opened(by_id, connection)).project_name == "admin"


def test_an_unscoped_client_gets_the_project_admin(url: str, connection: requests.Session) -> None:
    plugin = v3.Password(
        f"{url}/v3", username="admin", password=PASSWORD, user_domain_id="default", unscoped=True
    )
    assert plugin.get_access(opened(plugin, connection)).project_name == "admin"


@pytest.mark.parametrize("plugin", [generic.Token, v3.Token])
def test_a_client_with_only_a_token_works_too(url: str, connection: requests.Session, plugin: Any) -> None:
    text = opened(v3.Password(**values(url)), connection).get_token()
    made = plugin(f"{url}/v3", token=text, project_name="admin", project_domain_name="Default")
    client = opened(made, connection)
    assert client.get(f"{url}/reads").json()["user"] == "admin"


def test_a_client_can_check_a_token_through_the_catalogue(url: str, connection: requests.Session) -> None:
    client = opened(v3.Password(**values(url)), connection)
    where = {"service_type": "identity", "region_name": "SystemController", "interface": "internal"}
    headers = {"X-Subject-Token": client.get_token()}
    answer = client.get("/auth/tokens?nocatalog", endpoint_filter=where, headers=headers)
    assert answer.json()["token"]["user"]["name"] == "admin"
    with pytest.raises(exceptions.NotFound):
        client.get("/auth/tokens", endpoint_filter=where, headers={"X-Subject-Token": "x"})


@pytest.mark.parametrize("plugin", [generic.Password, v3.Password])
@pytest.mark.parametrize("wrong", [{"password": "x"}, {"username": "x"}, {"project_name": "x"}])
def test_a_client_that_may_not_is_told_so(
    url: str, connection: requests.Session, plugin: Any, wrong: dict[str, str]
) -> None:
    client = opened(plugin(**values(url, **wrong)), connection)
    with pytest.raises(exceptions.Unauthorized, match="Login failed"):
        client.get_token()


def test_a_client_whose_token_ended_logs_in_again_by_itself(
    url: str, connection: requests.Session, tmp_path: Path
) -> None:
    users = Users(InstanceFolder(tmp_path))
    users.add("joan", "secret", ["reader"], ["admin"])
    client = opened(v3.Password(**values(url, username="joan", password="secret")), connection)
    first = client.get_token()
    users.delete("joan")
    users.add("joan", "secret", ["reader"], ["admin"])
    assert client.get(f"{url}/reads").json()["user"] == "joan"
    assert client.get_token() != first
