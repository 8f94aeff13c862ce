"""Which deploy files a deployment and a prestaging hand to the deployer."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from dcapi.deploy.port import Phase
from dcapi.deploy.simulated import SimulatedDeployer
from dcapi.services.deploying import deploy_files
from tests.integration.kept_tasks import make_due, one_step, tasks
from tests.integration.resources.test_deploy_files import CHART, IMAGES, PATH, PLAYBOOK, body
from tests.integration.subclouds.fleet import Fleet, done
from tests.subcloud_forms import PASSWORD, new_form

Handed = dict[Phase, set[tuple[str, str]]]


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> Handed:
    """Part and name of each file that the deployer could read, by the phase that began."""
    found: Handed = {}
    ask = SimulatedDeployer.begin

    def begin(self: SimulatedDeployer, phase: Phase, target: Any) -> Any:
        found[phase] = {(file.part, file.file_name) for file in target.files()}
        return ask(self, phase, target)

    monkeypatch.setattr(SimulatedDeployer, "begin", begin)
    return found


def test_a_configuration_gets_the_files_of_its_release(fleet: Fleet, handed: Handed) -> None:
    done(fleet.operator.post(PATH, **body(PLAYBOOK, CHART, IMAGES)))
    done(fleet.operator.post(PATH, **body(PLAYBOOK, CHART, release="22.12")))
    fleet.deployed(deploy_config=b"a: 1")
    assert handed[Phase.CONFIG] == {("deploy_playbook", "deploy.yml"), ("deploy_chart", "dm.tgz")}


def test_a_configuration_without_files_is_not_refused(fleet: Fleet, handed: Handed) -> None:
    assert fleet.deployed(deploy_config=b"a: 1")["deploy-status"] == "complete"
    assert handed[Phase.CONFIG] == set()


def test_a_prestaging_gets_the_images_of_its_release(fleet: Fleet, handed: Handed) -> None:
    done(fleet.operator.post(PATH, **body(IMAGES, release="25.03")))
    subcloud = fleet.managed()
    wanted = {"sysadmin_password": PASSWORD, "release": "25.03"}
    done(fleet.operator.patch(f"/subclouds/{subcloud['id']}/prestage", json=wanted))
    fleet.run_jobs()
    assert handed[Phase.PRESTAGE] == {("prestage_images", "images.lst")}


def test_a_database_that_is_away_fails_no_phase(
    fleet: Fleet, handed: Handed, monkeypatch: pytest.MonkeyPatch
) -> None:
    subcloud_id = done(fleet.operator.post("/subclouds", **new_form())).json["id"]

    def away(*_: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("away"))

    with monkeypatch.context() as broken:
        broken.setattr(deploy_files, "read_only", away)
        with pytest.raises(OperationalError):
            one_step(fleet.runtime, "deploy", subcloud_id)
    assert fleet.show(subcloud_id)["deploy-status"] == "pre-deploy"
    assert tasks(fleet.runtime)
    make_due(fleet.runtime)
    fleet.run_jobs()
    assert fleet.show(subcloud_id)["deploy-status"] == "complete"
