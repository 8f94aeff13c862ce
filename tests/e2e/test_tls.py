"""Sites that serve https by themselves, and what a proxy before a site may say."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import pytest
import requests

from dcapi.lab.operator import Operator, base64_text
from dcapi.lab.polling import wait_until
from dcapi.lab.site import LabSite
from tests.certificates import self_signed
from tests.e2e.conftest import MakeSite
from tests.e2e.test_start import GUNICORN, _run


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return self_signed(tmp_path)


@pytest.fixture
def secure(make_site: MakeSite, certificate: Path) -> LabSite:
    """A site that serves https, and says nothing of where it is but its address."""
    site = make_site(
        {"TLS_CERTIFICATE_FILE": str(certificate), "PUBLIC_URL": "", "PEER_CA_FILE": str(certificate)}
    )
    site.launch()
    wait_until("the site to answer", lambda: answers(site, certificate), within=60)
    return site


def answers(site: LabSite, certificate: Path) -> bool:
    try:
        return requests.get(https(site), verify=str(certificate), timeout=5).ok
    except requests.ConnectionError:
        assert site.running, site.log_tail()
        return False


def https(site: LabSite) -> str:
    return site.url.replace("http://", "https://")


def operator_of(site: LabSite, certificate: Path) -> Operator:
    operator = Operator(https(site), site.admin_password)
    operator._session.verify = str(certificate)
    return operator


def test_a_site_serves_https_and_nothing_else(secure: LabSite, certificate: Path) -> None:
    with operator_of(secure, certificate) as operator:
        assert operator.listed("subclouds") == []
        login = requests.post(
            f"{https(secure)}/v3/auth/tokens",
            json={
                "auth": {
                    "identity": {
                        "methods": ["password"],
                        "password": {
                            "user": {
                                "name": "admin",
                                "domain": {"name": "Default"},
                                "password": secure.admin_password,
                            }
                        },
                    }
                }
            },
            verify=str(certificate),
            timeout=30,
        )
    urls = {end["url"] for service in login.json()["token"]["catalog"] for end in service["endpoints"]}
    assert urls
    assert all(url.startswith(https(secure)) for url in urls)
    found = requests.get(https(secure), verify=str(certificate), timeout=30)
    assert "max-age" in found.headers["Strict-Transport-Security"]
    version = found.json()["versions"][0]
    assert version["links"][0]["href"] == f"{https(secure)}/v1.0/"
    plain = requests.get(secure.url, timeout=10)
    assert plain.status_code == 400
    assert plain.headers["X-Content-Type-Options"] == "nosniff"
    assert "The request is not TLS" in plain.text
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(https(secure), timeout=10)
    assert secure.stop() == 0


def test_where_sites_show_certificates_nobody_passes_for_one_without(
    make_site: MakeSite, certificate: Path, tmp_path: Path
) -> None:
    file = str(certificate)
    shows = {"PEER_CLIENT_CERTIFICATE_FILE": file, "TLS_CLIENT_CA_FILE": file}
    sites = [
        make_site({"TLS_CERTIFICATE_FILE": file, "PUBLIC_URL": "", "PEER_CA_FILE": file, **shows})
        for _ in range(2)
    ]
    for site in sites:
        site.launch()
    for site in sites:
        wait_until("the site to answer", partial(answers, site, certificate), within=60)
    (tmp_path / "stranger").mkdir()
    for claim in ({"User-Agent": "dcmanager/1.0"}, {"User-Header": "distcloud"}):
        assert claimed(sites[0], certificate, claim) == (403, 403, 403)
        assert claimed(sites[0], certificate, claim, shown=file) == (200, 401, 400)
        with pytest.raises(requests.ConnectionError):
            claimed(sites[0], certificate, claim, shown=str(self_signed(tmp_path / "stranger")))
    assert claimed(sites[0], certificate, {}) == (200, 401, 400)
    with operator_of(sites[0], certificate) as here, operator_of(sites[1], certificate) as there:
        assert synced_pair(here, there, *sites)["sync-status"] == "in-sync"


def claimed(
    site: LabSite, certificate: Path, claim: dict[str, str], shown: str | None = None
) -> tuple[int, ...]:
    """The codes of a page for everybody, a call without a token and a login that says nothing."""
    with requests.Session() as client:
        client.trust_env = False
        client.verify, client.cert = str(certificate), shown
        client.headers.update(claim)
        return (
            client.get(f"{https(site)}/healthz", timeout=30).status_code,
            client.patch(f"{https(site)}/v1.0/subclouds/1", timeout=30).status_code,
            client.post(f"{https(site)}/v3/auth/tokens", json={}, timeout=30).status_code,
        )


def test_sites_that_serve_https_sync_with_each_other(
    secure: LabSite, make_site: MakeSite, certificate: Path
) -> None:
    shared = {"TLS_CERTIFICATE_FILE": str(certificate), "PUBLIC_URL": "", "PEER_CA_FILE": str(certificate)}
    other = make_site(shared)
    other.launch()
    wait_until("the other site to answer", lambda: answers(other, certificate), within=60)
    with operator_of(secure, certificate) as here, operator_of(other, certificate) as there:
        association = synced_pair(here, there, secure, other)
        assert association["sync-status"] == "in-sync", association
        assert there.one("subcloud-peer-groups", "coast")["group_priority"] == 1


def synced_pair(here: Operator, there: Operator, first: LabSite, second: LabSite) -> dict[str, object]:
    """Let two sites know each other; returns the association of a group of the first one."""
    for operator, site in ((here, second), (there, first)):
        operator.create("system-peers", peer_fields(site))
    group = here.create("subcloud-peer-groups", {"peer-group-name": "coast"})
    pair = {"peer_group_id": group["id"], "system_peer_id": 1, "peer_group_priority": 1}
    return here.create("peer-group-associations", pair, wait=60)


def peer_fields(site: LabSite) -> dict[str, object]:
    return {
        "peer_uuid": site.uuid,
        "peer_name": site.name,
        "manager_endpoint": f"{https(site)}/v3",
        "manager_username": "admin",
        "manager_password": base64_text(site.admin_password),
        "peer_controller_gateway_address": "10.33.0.1",
    }


@pytest.mark.parametrize("content", [None, "nothing of that kind"], ids=["missing", "broken"])
def test_a_certificate_that_cannot_be_used_ends_the_start_with_one_line(
    make_site: MakeSite, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "site.pem"
    if content is not None:
        file.write_text(content)
    ended = _run(GUNICORN, make_site({"TLS_CERTIFICATE_FILE": str(file)}))
    assert_told(ended, "DCAPI_TLS_CERTIFICATE_FILE")


@pytest.mark.parametrize("name", ["PEER_CLIENT_CERTIFICATE_FILE", "TLS_CLIENT_CA_FILE"])
def test_certificates_between_sites_that_cannot_be_used_end_the_start(
    make_site: MakeSite, certificate: Path, name: str
) -> None:
    settings = {"TLS_CERTIFICATE_FILE": str(certificate), name: str(certificate.parent / "missing.pem")}
    assert_told(_run(GUNICORN, make_site(settings)), f"DCAPI_{name}")


def assert_told(ended: subprocess.CompletedProcess[str], name: str) -> None:
    assert ended.returncode != 0
    lines = [line for line in ended.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1, ended.stderr
    assert name in lines[0]


SPOOFED = {
    "X-Forwarded-For": "198.51.100.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "Forwarded": "for=198.51.100.7;host=evil.example;proto=https",
    "X-Forwarded-Prefix": "/evil",
    "Script-Name": "/evil",
    "User-Agent": "spoofing",
}


def root(site: LabSite, **headers: str) -> str:
    answer = requests.get(f"{site.url}/", headers={**SPOOFED, **headers}, timeout=30).json()
    href: str = answer["versions"][0]["links"][0]["href"]
    return href


def logged(site: LabSite) -> str:
    """The line of such a request, which is written after its answer."""

    def look() -> str:
        return next((line for line in site.log_file.read_text().splitlines() if '"spoofing"' in line), "")

    return wait_until("the request in the log", look)


def test_forwarded_headers_of_strangers_change_nothing(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    assert root(site) == f"{site.url}/v1.0/"
    assert 'remote_address="127.0.0.1"' in logged(site)
    assert "198.51.100.7" not in site.log_file.read_text()


def test_forwarded_headers_of_a_trusted_proxy_count(make_site: MakeSite) -> None:
    site = make_site({"TRUSTED_PROXIES": "127.0.0.1"})
    site.start()
    assert root(site) == "https://evil.example/v1.0/"
    assert 'remote_address="198.51.100.7"' in logged(site)


def test_a_host_header_reaches_nobody_but_its_sender(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    assert root(site, Host="evil.example") == "http://evil.example/v1.0/"
    assert root(site) == f"{site.url}/v1.0/"
    refused = requests.get(f"{site.url}/v1.0/subclouds", headers={"Host": "evil.example"}, timeout=30)
    assert refused.headers["WWW-Authenticate"] == f'Keystone uri="{site.url}/v3"'
    version = requests.get(f"{site.url}/v3", headers={"Host": "evil.example"}, timeout=30)
    assert "evil" not in version.text
    assert site.url in version.text
    for host in ('evil"><script>', "evil/", "a b", "a@b"):
        answer = requests.get(f"{site.url}/", headers={"Host": host}, timeout=30)
        assert answer.status_code == 400 or "<script>" not in answer.text
