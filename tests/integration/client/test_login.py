"""How the clients of OpenStack get in, from the variables of the environment that they read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from keystoneauth1 import exceptions
from keystoneauth1 import session as keystone
from keystoneauth1.identity import generic

from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.site import LabSite
from tests.certificates import self_signed
from tests.integration.client.official import OfficialClient, password_plugin

# What OS_ENDPOINT_TYPE and OS_INTERFACE may say.
INTERFACES = ("internalURL", "publicURL", "adminURL", "internal", "public", "admin")


@pytest.mark.parametrize("interface", INTERFACES)
def test_the_catalogue_names_this_service_for_every_interface(pair: Pair, interface: str) -> None:
    plugin = password_plugin(f"{pair.a.url}/v3", "admin", pair.a.admin_password)
    client = OfficialClient.logged_in(plugin, interface=interface)
    assert client.http.base_url == f"{pair.a.url}/v1.0"
    assert client.subcloud_group_list()[0]["name"] == "Default"


@pytest.mark.parametrize("end", ["/v3", "/v3/"])
def test_the_identity_url_may_end_in_a_slash(pair: Pair, end: str) -> None:
    plugin = password_plugin(pair.a.url + end, "admin", pair.a.admin_password)
    assert OfficialClient.logged_in(plugin).alarm_summary() is not None


@pytest.mark.parametrize(
    ("kind", "region"),
    [("dcmanager", "SystemController"), ("platform", "RegionOne"), ("identity", "RegionOne"),
     ("identity", "SystemController")],
)  # fmt: skip
def test_each_service_is_in_its_region(pair: Pair, kind: str, region: str) -> None:
    plugin = password_plugin(f"{pair.a.url}/v3", "admin", pair.a.admin_password)
    session = keystone.Session(auth=plugin)
    assert session.get_endpoint(service_type=kind, region_name=region, interface="internal")


def test_a_token_that_the_caller_has_already_is_enough(pair: Pair, client: OfficialClient) -> None:
    token = client.http.always["x-auth-token"]
    plugin = generic.Token(
        auth_url=f"{pair.a.url}/v3", token=token, project_name="admin", project_domain_name="Default"
    )
    assert OfficialClient.logged_in(plugin).subcloud_group_list()


def test_a_wrong_password_is_refused_in_keystones_words(pair: Pair) -> None:
    plugin = password_plugin(f"{pair.a.url}/v3", "nobody", "wrong")
    with pytest.raises(exceptions.Unauthorized):
        OfficialClient.logged_in(plugin)


def test_headers_that_the_client_sends_of_itself_change_nothing(client: OfficialClient) -> None:
    other = OfficialClient(client.http)
    headers: dict[str, Any] = dict(client.http.always)
    try:
        client.http.always = {**headers, "X-Project-Id": "elsewhere", "X-User-Id": "nobody"}
        assert other.system_peer_list()
    finally:
        client.http.always = headers


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def tls_site(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[LabSite]:
    """A site that is served over TLS."""
    site = LabSite("site-t", tmp_path_factory.mktemp("site"))
    url = site.url.replace("http:", "https:")
    site.settings["PUBLIC_URL"] = url
    # The key is in the same file.
    site.settings["TLS_CERTIFICATE_FILE"] = str(certificate)

    def answers() -> bool:
        try:
            return requests.get(url, verify=str(certificate), timeout=5).ok
        except requests.RequestException:
            return False

    try:
        site.launch()
        wait_until("the site to answer over TLS", answers, within=60)
        yield site
    finally:
        site.close()


def test_a_client_that_is_given_the_certificate_talks_over_tls(tls_site: LabSite, certificate: Path) -> None:
    plugin = password_plugin(f"{tls_site.settings['PUBLIC_URL']}/v3", "admin", tls_site.admin_password)
    client = OfficialClient.logged_in(plugin, verify=str(certificate))
    assert client.http.base_url.startswith("https://")
    added = client.subcloud_group_add(name="over-tls", description="x", update_apply_type="serial")
    client.subcloud_group_delete(str(added["id"]))


def test_a_client_without_the_certificate_does_not(tls_site: LabSite) -> None:
    plugin = password_plugin(f"{tls_site.settings['PUBLIC_URL']}/v3", "admin", tls_site.admin_password)
    with pytest.raises(exceptions.SSLError):
        OfficialClient.logged_in(plugin)
