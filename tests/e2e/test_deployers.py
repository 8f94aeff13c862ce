"""A site that deploys by real playbooks on this machine: from a creation to a deletion, through kills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcapi.deploy.port import Phase
from dcapi.lab.members import BMC_PASSWORD, SYSADMIN_PASSWORD, member
from dcapi.lab.operator import Operator, base64_text
from dcapi.lab.polling import wait_until
from dcapi.lab.site import PROJECT_ROOT, LabSite
from tests.e2e.conftest import MakeSite
from tests.integration.deploy.playbooks import (
    append,
    dump_variables,
    needs_ansible,
    processes,
    wait_file,
    wait_for,
    write_playbook,
)

pytestmark = needs_ansible

WITHIN = 120.0


@pytest.fixture
def books(tmp_path: Path) -> Path:
    folder = tmp_path / "books"
    folder.mkdir()
    return folder


@pytest.fixture
def site(make_site: MakeSite, books: Path) -> LabSite:
    return make_site(
        {
            "DEPLOYER": "ansible",
            "PLAYBOOKS": str(books),
            "RECONCILE_SECONDS": "0.5",
            "LEASE_SECONDS": "6",
            "PEER_CONNECT_TIMEOUT": "1",
            "PEER_READ_TIMEOUT": "4",
            "WORKERS": "2",
        }
    )


def write_all(books: Path, lines: Path) -> None:
    # A deletion is told no password of the running system: none is stored.
    words = "{{ sysadmin_password | default('none') }} {{ install_values.bmc_password }}"
    say = {"name": "Say", "ansible.builtin.debug": {"msg": words}}
    for phase in (Phase.INSTALL, Phase.BOOTSTRAP, Phase.DELETE):
        write_playbook(books, phase, say, append(lines, phase.value))


def status(operator: Operator, reference: object) -> str:
    return str(operator.one("subclouds", reference)["deploy-status"])


def wait_status(operator: Operator, reference: object, wanted: str) -> dict[str, Any]:
    def ended(seen: str) -> bool:
        return seen == wanted or seen.endswith("-failed") or seen == "complete"

    seen = wait_until(f"it to be {wanted}", lambda: status(operator, reference), ended, within=WITHIN)
    assert seen == wanted, operator.one("subclouds", reference)["error-description"]
    return operator.one("subclouds", reference)


def take_off_the_air(site: LabSite, name: str) -> None:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "dcapi", "simulate", name]
    subprocess.run(
        [*command, "--availability", "offline"], cwd=PROJECT_ROOT, env=site.environment(), check=True
    )


def test_a_subcloud_is_deployed_and_torn_down_by_playbooks(site: LabSite, books: Path) -> None:
    lines = books / "lines"
    write_all(books, lines)
    site.start()
    with Operator(site.url, site.admin_password) as operator:
        added = operator.add_subcloud(member(0, install=True).creation())
        shown = wait_status(operator, added["id"], "complete")
        assert shown["availability-status"] == "online"
        assert lines.read_text() == "install\nbootstrap\n"

        take_off_the_air(site, added["name"])
        operator.delete("subclouds", added["id"])
        assert operator.listed("subclouds") == []
        folder = site.folder / "instance" / "playbooks" / str(added["id"])
        wait_until("its folder to be gone", lambda: not folder.exists(), within=WITHIN)
        assert lines.read_text() == "install\nbootstrap\ndelete\n"
    assert site.stop() == 0
    assert files_that_tell(site) == []


def test_a_switch_of_ansible_in_bootstrap_values_reaches_no_playbook(site: LabSite, books: Path) -> None:
    seen, harm, key = books / "seen.json", books / "harm", "_ansible_ansiballz_coverage_config"
    write_playbook(books, Phase.INSTALL, append(books / "lines", "install"))
    write_playbook(books, Phase.BOOTSTRAP, dump_variables(seen, key, "region", "bootstrap_values"))
    new = member(0, install=True).creation()
    new["bootstrap_values"] |= {key: {"config": "", "output": str(harm)}, "region": "harbour"}
    site.start()
    with Operator(site.url, site.admin_password) as operator:
        wait_status(operator, operator.add_subcloud(new)["id"], "complete")
    told = json.loads(seen.read_text())
    assert (told[key], told["region"]) == ("(none)", "harbour")
    assert told["bootstrap_values"][key]["output"] == str(harm)
    assert list(books.glob("harm*")) == []


def files_that_tell(site: LabSite) -> list[str]:
    """Files of the site that hold a password that a playbook was told, its log among them."""
    passwords = [SYSADMIN_PASSWORD, BMC_PASSWORD]
    spellings = [text.encode() for one in passwords for text in (one, base64_text(one))]
    files = [path for path in site.folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(text in path.read_bytes() for text in spellings)]


def test_the_message_of_the_task_that_failed_is_shown(site: LabSite, books: Path) -> None:
    fail = {"name": "Power on", "ansible.builtin.fail": {"msg": "{{ install_values.bmc_address }} is dark"}}
    write_playbook(books, Phase.INSTALL, fail)
    site.start()
    with Operator(site.url, site.admin_password) as operator:
        values = member(0, install=True)
        added = operator.add_subcloud(values.creation())
        shown = wait_status(operator, added["id"], "install-failed")
        assert values.install_values is not None
        assert shown["error-description"] == (
            f"playbook install.yml: task 'Power on': {values.install_values['bmc_address']} is dark"
        )
        assert shown["availability-status"] == "offline"


def _stop(site: LabSite) -> None:
    assert site.stop() == 0


@pytest.mark.parametrize(
    ("end", "begun"), [(_stop, "install\ninstall\n"), (LabSite.kill, "install\n")], ids=["SIGTERM", "SIGKILL"]
)
def test_a_deployment_goes_on_after_the_end_of_its_site(
    site: LabSite, books: Path, end: Callable[[LabSite], None], begun: str
) -> None:
    lines, gate = books / "lines", books / "gate"
    write_playbook(books, Phase.INSTALL, append(lines, "install"), wait_for(gate))
    write_playbook(books, Phase.BOOTSTRAP, append(lines, "bootstrap"))
    site.start()
    with Operator(site.url, site.admin_password) as operator:
        added = operator.add_subcloud(member(0, install=True).creation())
        wait_file(lines)
        [token] = tokens(site)
        end(site)
        # Ended in good order a site ends its playbooks; a killed one cannot.
        assert bool(processes(token)) == (end is LabSite.kill)
        site.start()
        gate.touch()
        wait_status(operator, added["id"], "complete")
    assert lines.read_text() == begun + "bootstrap\n"


def tokens(site: LabSite) -> list[str]:

    runs = (site.folder / "instance" / "playbooks").glob("*/*.run.json")
    return [str(json.loads(path.read_text())["token"]) for path in runs]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"PLAYBOOKS": ""}, "DCAPI_PLAYBOOKS"),
        ({"PLAYBOOKS": "/nowhere"}, "DCAPI_PLAYBOOKS='/nowhere' is not a folder"),
        ({"OPERATION_SECRET_TTL": "60"}, "DCAPI_PLAYBOOK_SECONDS=3600 is above"),
    ],
    ids=["none", "missing", "too-long"],
)
def test_a_site_that_cannot_deploy_does_not_start(
    site: LabSite, books: Path, settings: dict[str, str], words: str
) -> None:
    write_playbook(books, Phase.INSTALL)
    environment = site.environment() | {f"DCAPI_{name}": text for name, text in settings.items()}
    command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.conf.py", "wsgi:app"]
    ended = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode != 0
    assert words in ended.stderr
    assert os.listdir(books) == ["install.yml"]
