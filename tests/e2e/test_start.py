"""How a site starts: from its environment alone, several times at once, not at all when that is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
import requests
from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3

from dcapi.lab.directions import client_environment, directions
from dcapi.lab.operator import Operator
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.site import PROJECT_ROOT, LabSite
from tests.e2e.conftest import MakeSite
from tests.faults import processes

TOGETHER = 4
FLASK = (sys.executable, "-m", "flask", "--app", "wsgi")
GUNICORN = (sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.conf.py", "wsgi:app")


def test_servers_started_at_once_on_an_empty_folder_agree(make_site: MakeSite) -> None:
    first = make_site()
    shared = {
        "INSTANCE_PATH": str(first.folder / "instance"),
        "SITE_NAME": "one-of-many",
        "PUBLIC_URL": first.public_url,
        "SITE_UUID": "",
        "ADMIN_PASSWORD": "",
    }
    sites = [make_site(shared) for _ in range(TOGETHER)]
    for site in sites:
        site.launch()
    for site in sites:
        site.wait_ready()

    password = (first.folder / "instance" / "admin-password").read_text().strip()
    operators = [Operator(site.url, password) for site in sites]
    assert len({operator.site_uuid() for operator in operators}) == 1
    tokens = [operator.log_in() for operator in operators]
    codes = {
        requests.get(f"{site.url}/v1.0/subclouds", headers={"X-Auth-Token": token}, timeout=10).status_code
        for site in sites
        for token in tokens
    }
    assert codes == {200}
    assert sum("with password" in site.log_file.read_text() for site in sites) == 1
    for operator in operators:
        operator.close()


def test_four_workers_serve_one_site(make_site: MakeSite) -> None:
    site = make_site({"WORKERS": "4", "THREADS": "2", "SITE_UUID": "", "ADMIN_PASSWORD": ""})
    site.start()
    password = (site.folder / "instance" / "admin-password").read_text().strip()
    seen = set()
    for _ in range(12):
        operator = Operator(site.url, password)
        seen.add(operator.site_uuid())
        operator.close()
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"THREADS": "many"}, "DCAPI_THREADS"),
        ({"WORKERS": "0"}, "DCAPI_WORKERS"),
        ({"AUTH_STRATEGY": "none"}, "DCAPI_AUTH_STRATEGY"),
        ({"SITE_UUID": "no-uuid"}, "DCAPI_SITE_UUID"),
        ({"SECRETS_KEYS": "short"}, "DCAPI_SECRETS_KEYS"),
        ({"SQLALCHEMY_DATABASE_URI": "nonsense"}, "DCAPI_SQLALCHEMY_DATABASE_URI"),
        ({"SQLALCHEMY_DATABASE_URI": "oracle+none://x"}, "DCAPI_SQLALCHEMY_DATABASE_URI"),
        ({"SQLALCHEMY_DATABASE_URI": "sqlite:////no/such/folder/x"}, "unable to open database"),
        ({"INSTANCE_PATH": "/dev/null/instance"}, "/dev/null/instance"),
        ({"BIND": "nowhere:here"}, "DCAPI_BIND"),
        ({"BIND": "127.0.0.1"}, "DCAPI_BIND"),
        ({"BIND": "127.0.0.1:99999"}, "DCAPI_BIND"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_ends_the_start_with_one_line(
    make_site: MakeSite, settings: Mapping[str, str], named: str
) -> None:
    ended = _run(GUNICORN, make_site(settings))
    assert ended.returncode != 0
    lines = [line for line in ended.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1, ended.stderr
    assert named in lines[0]


def test_a_site_that_no_peer_will_find_says_so(make_site: MakeSite) -> None:
    site = make_site({"PUBLIC_URL": ""})
    site.settings["BIND"] = f"0.0.0.0:{site.port.number}"
    site.start()
    assert f"peers are told http://0.0.0.0:{site.port.number}" in site.log_file.read_text()


@pytest.mark.parametrize("name", ["dcapi.sqlite3", "identity.yaml"])
def test_a_worker_that_cannot_start_tries_again_and_does_not_end_the_site(
    make_site: MakeSite, name: str
) -> None:
    """gunicorn itself ends when a worker fails to boot, as one does while the database is away."""
    site = make_site()
    site.start()
    file = site.folder / "instance" / name
    with processes.stopped([site.pid or 0]):
        for worker in processes.workers_of(site):
            os.kill(worker, signal.SIGKILL)
        whole = [one.rename(one.with_name(f"aside-{one.name}")) for one in file.parent.glob(f"{name}*")]
        file.write_text("nonsense" * 1000)
    wait_until("two tries", lambda: site.log_file.read_text().count("cannot start, tries again") > 1)
    file.unlink()
    for one in whole:
        one.rename(one.with_name(one.name.removeprefix("aside-")))
    site.wait_ready()
    Operator(site.url, site.admin_password).log_in()


def test_a_database_of_another_site_is_not_served(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    site.stop()
    site.settings["SITE_UUID"] = "0b3f6f0e-6f3c-4e0f-9d52-8f1f4f7f2b11"
    ended = _run(GUNICORN, site)
    assert ended.returncode != 0
    assert "DCAPI_SITE_UUID" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_user_added_at_the_command_line_can_log_in_at_once(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    add = (*FLASK, "dcapi", "user", "add", "reader", "--role", "reader", "--password-stdin")
    added = _run(add, site, typed="Fog#signal\n")
    assert added.returncode == 0, added.stderr
    operator = Operator(site.url, "Fog#signal", user="reader")
    assert operator.listed("subclouds") == []
    operator.close()
    assert "reader" in _run((*FLASK, "dcapi", "user", "list"), site).stdout


def test_an_unmodified_keystone_client_logs_in_and_follows_the_catalogue(pair: Pair) -> None:
    login = v3.Password(
        auth_url=f"{pair.b.url}/v3",
        username="admin",
        password=pair.b.admin_password,
        user_domain_name="Default",
        project_domain_name="Default",
        project_name="admin",
    )
    with requests.Session() as connection:
        client = keystone_session.Session(auth=login, session=connection)
        where = _public("dcmanager", "SystemController")
        assert client.get_endpoint(**where) == f"{pair.proxy.url}/v1.0"
        with pair.proxy.recording() as passed:
            assert client.get("/subclouds", endpoint_filter=where).json().keys() == {"subclouds"}
            isystems = client.get("/isystems", endpoint_filter=_public("platform", "RegionOne")).json()[
                "isystems"
            ]
        assert isystems[0]["uuid"] == pair.b.uuid
        assert client.get_endpoint(service_type="identity", interface="public") == f"{pair.proxy.url}/v3"
    assert {"/v1.0/subclouds", "/v1/isystems"} <= {each.path for each in passed}


def _public(service: str, region: str) -> dict[str, Any]:
    return {"service_type": service, "interface": "public", "region_name": region}


def test_the_directions_of_a_kept_lab_work_as_they_stand(pair: Pair) -> None:
    text = directions(pair)
    script = text[text.index("TOKEN=") : text.index("For the dcmanager client")]
    answered = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert answered.stdout.startswith('{"subclouds":'), answered
    assert all(f"export {name}=" in text for name in client_environment(pair.a))


def _run(command: tuple[str, ...], site: LabSite, typed: str = "") -> subprocess.CompletedProcess[str]:
    site.folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **site.environment()}
    return subprocess.run(
        command,
        cwd=PROJECT_ROOT,
        env=environment,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
