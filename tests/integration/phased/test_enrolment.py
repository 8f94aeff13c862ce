"""Taking over a node that runs already: what it asks for, its statuses, and what is kept for it."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from dcapi.deploy.port import Done, Failed, NamedFile, Phase, Running, StepState, Target
from dcapi.deploy.simulated import SimulatedDeployer
from dcapi.models import CloudInitConfig, Subcloud
from dcapi.services.deploying.phased_verbs import VERBS
from tests.integration.kept_tasks import one_step
from tests.integration.phased.phases import CONFIG, URL, Phased, new_parts
from tests.integration.subclouds.fleet import done, refused
from tests.subcloud_forms import PASSWORD, bootstrap_values, form, install_values

# One that knows archives; the site's own does not.
RELEASE = "25.09"
INSTALL: dict[str, Any] = {"install_values": install_values(), "bmc_password": PASSWORD}
NO_TAR = b"no tar"


def a_tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        member = tarfile.TarInfo("scripts/first.sh")
        archive.addfile(member, io.BytesIO())
    return made.getvalue()


def with_archive(parts: dict[str, Any], content: bytes, name: str = "/home/x/seed.tar") -> dict[str, Any]:
    """The options of a form with an archive under the name that its sender typed."""
    options = form(**parts)
    options["data"]["cloud_init_config"] = (io.BytesIO(content), name)
    return options


def enroll(phased: Phased, archive: bytes | None = None, **changes: Any) -> TestResponse:
    parts = {"sysadmin_password": PASSWORD, "release": RELEASE, **INSTALL, **changes}
    given = {name: value for name, value in parts.items() if value is not None}
    options = form(**given) if archive is None else with_archive(given, archive)
    return phased.fleet.operator.patch(f"{URL}/1/enroll", **options)


def kept_archives(phased: Phased) -> int:
    with phased.runtime.unit_of_work() as session:
        return session.scalar(select(func.count()).select_from(CloudInitConfig)) or 0


def is_vcsr(phased: Phased) -> bool:
    with phased.runtime.unit_of_work() as session:
        return session.get_one(Subcloud, 1).vcsr


ENROLMENT = ["pre-init-enroll", "initiating-enroll", "pre-enroll", "enrolling"]


def test_a_node_is_enrolled_and_rests(phased: Phased) -> None:
    phased.created()
    assert done(enroll(phased)).json["deploy-status"] == "pre-init-enroll"
    assert phased.walk() == [*ENROLMENT, "enroll-complete"]
    assert not is_vcsr(phased)
    assert phased.run("configure") == "complete"


def test_a_stored_configuration_is_deployed_after_the_enrolment(phased: Phased) -> None:
    phased.created(deploy_config=CONFIG)
    done(enroll(phased))
    assert phased.walk() == [*ENROLMENT, "pre-config", "configuring", "complete"]


def test_what_is_enrolled_by_hand_is_completed(phased: Phased) -> None:
    phased.created()
    done(enroll(phased))
    phased.fleet.run_jobs()
    assert done(phased.ask("complete")).json["deploy-status"] == "complete"


def test_on_site_nothing_is_done_through_the_bmc(phased: Phased) -> None:
    phased.created()
    on_site: dict[str, Any] = {
        "install_values": {"bootstrap_interface": "eno7"},
        "bmc_password": None,
        "on_site": "True",
    }
    assert done(enroll(phased, **on_site)).json["deploy-status"] == "pre-enroll"
    assert phased.walk() == ["pre-enroll", "enrolling", "enroll-complete"]
    assert is_vcsr(phased)
    phased.fleet.set_subcloud(1, deploy_status="enroll-failed")
    refused(
        phased.fleet.operator.patch("/subclouds/1/redeploy", **form(sysadmin_password=PASSWORD)),
        400,
        "Redeploy is not supported for vCSR-enrolled subclouds",
    )


class Finding:
    """A deployer that finds a region name, and notes the archive that it was given."""

    def __init__(self, region: str, fails: int = 0) -> None:
        self.region = region
        self.fails = fails
        self.archives: list[NamedFile | None] = []

    def poll(self, phase: Phase, target: Target) -> StepState:
        if phase is Phase.ENROLL_INIT:
            self.archives.append(target.cloud_init_config())
        if phase is not Phase.ENROLL:
            return Done()
        self.fails -= 1
        return Done({"region_name": self.region}) if self.fails < 0 else Failed("no route")

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(SimulatedDeployer, "poll", lambda _, *asked: self.poll(*asked))


def test_the_region_name_that_was_found_is_its_own(phased: Phased, monkeypatch: pytest.MonkeyPatch) -> None:
    Finding("f" * 32).install(monkeypatch)
    phased.created()
    done(enroll(phased))
    phased.fleet.run_jobs()
    assert phased.fleet.show(1)["region-name"] == "f" * 32


def test_a_region_name_of_another_subcloud_fails_the_enrolment(
    phased: Phased, monkeypatch: pytest.MonkeyPatch
) -> None:
    phased.created()
    other = phased.created(2)
    Finding(phased.fleet.show(other)["region-name"]).install(monkeypatch)
    done(enroll(phased))
    phased.fleet.run_jobs()
    shown = phased.fleet.show(1)
    assert shown["deploy-status"] == "enroll-failed"
    assert "is that of subcloud quay-2" in shown["error-description"]
    assert shown["region-name"] != phased.fleet.show(other)["region-name"]


def test_the_archive_is_kept_for_the_next_try_and_then_forgotten(
    phased: Phased, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployer = Finding("f" * 32, fails=1)
    deployer.install(monkeypatch)
    phased.created()
    archive = a_tar()
    done(enroll(phased, archive))
    phased.fleet.run_jobs()
    assert (phased.status(), kept_archives(phased)) == ("enroll-failed", 1)
    done(enroll(phased))
    phased.fleet.run_jobs()
    assert (phased.status(), kept_archives(phased)) == ("enroll-complete", 0)
    wanted = NamedFile("cloud_init_config", "seed.tar", archive)
    assert deployer.archives == [wanted, wanted]
    assert is_vcsr(phased)


def test_an_archive_goes_with_its_subcloud(phased: Phased) -> None:
    phased.created()
    done(enroll(phased, a_tar()))
    done(phased.fleet.operator.delete("/subclouds/1?force=true"))
    assert kept_archives(phased) == 0


def test_no_archive_can_be_read_in_the_database(phased: Phased) -> None:
    phased.created()
    done(enroll(phased, a_tar()))
    with phased.runtime.unit_of_work() as session:
        statement = "SELECT content FROM cloud_init_config"
        raw = session.connection().exec_driver_sql(statement).scalar_one()
    assert raw.startswith("gAAAA")


def test_an_enrolment_is_judged_in_its_order(phased: Phased) -> None:
    phased.created()
    wrong: dict[str, Any] = {
        "on_site": "maybe",
        "install_values": None,
        "bmc_password": None,
        "sysadmin_password": None,
    }
    refused(enroll(phased, NO_TAR, **wrong), 400, boolean_error("maybe"))
    del wrong["on_site"]
    refused(enroll(phased, NO_TAR, **wrong), 400, "Install values is necessary for subcloud enrollment")
    del wrong["install_values"]
    refused(enroll(phased, NO_TAR, **wrong), 400, "bmc_password is necessary for subcloud enrollment")
    del wrong["bmc_password"]
    old = "Cloud-init config is not accepted for 24.09 software version"
    refused(enroll(phased, NO_TAR, release="24.09", **wrong), 400, old)
    refused(enroll(phased, NO_TAR, **wrong), 400, "seed.tar is not a valid tar archive.")
    refused(enroll(phased, cloud_init_config="x", **wrong), 400, "No cloud-init-config file uploaded")
    refused(enroll(phased, a_tar(), **wrong), 400, "subcloud sysadmin_password required")
    named = {"bootstrap_values": bootstrap_values(2)}
    other = "The bootstrap-values 'name' value (quay-2) must match the current subcloud name (quay-1)"
    refused(enroll(phased, a_tar(), **named), 400, other)
    assert (kept_archives(phased), is_vcsr(phased)) == (0, False)


def boolean_error(text: str) -> str:
    return f"Invalid boolean string: {text}. Valid options are true and false."


def test_a_duplex_system_needs_an_address_of_each_node(phased: Phased) -> None:
    phased.created()
    values = bootstrap_values(1, system_mode="duplex")
    refused(enroll(phased, bootstrap_values=values), 400, "external_oam_node_0_address required")
    values["external_oam_node_0_address"] = "10.71.9.21"
    refused(enroll(phased, bootstrap_values=values), 400, "external_oam_node_1_address required")
    values["external_oam_node_1_address"] = "10.71.9.22"
    done(enroll(phased, bootstrap_values=values))


def test_a_stored_bmc_password_need_not_be_sent_again(phased: Phased) -> None:
    phased.created(**INSTALL)
    assert done(enroll(phased, install_values=None, bmc_password=None)).json["deploy-status"] == ENROLMENT[0]
    phased.fleet.set_subcloud(1, deploy_status="enroll-failed")
    assert done(enroll(phased, bmc_password=None)).json["deploy-status"] == ENROLMENT[0]


@pytest.mark.parametrize(
    ("phase", "fails_at"), [(Phase.ENROLL_INIT, "init-enroll-failed"), (Phase.ENROLL, "enroll-failed")]
)
def test_what_fails_says_so_and_is_tried_again(
    phased: Phased, monkeypatch: pytest.MonkeyPatch, phase: Phase, fails_at: str
) -> None:
    monkeypatch.setattr(
        SimulatedDeployer, "poll", lambda _, asked, __: Failed("no way") if asked is phase else Done()
    )
    phased.created()
    done(enroll(phased))
    phased.fleet.run_jobs()
    assert phased.status() == fails_at
    assert "resume" not in allowed_verbs(fails_at)
    monkeypatch.undo()
    done(enroll(phased))
    phased.fleet.run_jobs()
    assert phased.status() == "enroll-complete"


def allowed_verbs(status: str) -> set[str]:
    return {name for name, verb in VERBS.items() if status in verb.statuses}


def test_an_enrolment_is_no_initial_deployment(phased: Phased, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedDeployer, "begin", lambda *_: Running(0.0))
    phased.created(deploy_config=CONFIG)
    done(enroll(phased))
    for _ in range(5):
        one_step(phased.runtime, "deploy")
    assert phased.status() == "configuring"
    text = "The subcloud can only be aborted during initial deployment."
    refused(phased.ask("abort"), 400, text)


# -- With the creation --


def test_a_subcloud_is_added_by_enrolment(phased: Phased) -> None:
    parts = new_parts(sysadmin_password=PASSWORD, enroll="true", release=RELEASE, **INSTALL)
    done(phased.fleet.operator.post("/subclouds", **with_archive(parts, a_tar())))
    assert phased.walk() == ["pre-deploy", "creating", *ENROLMENT, "complete"]
    assert phased.fleet.show(1)["availability-status"] == "online"


def test_a_configuration_follows_the_enrolment_of_a_new_subcloud(phased: Phased) -> None:
    parts = new_parts(sysadmin_password=PASSWORD, enroll="true", deploy_config=CONFIG, **INSTALL)
    done(phased.fleet.operator.post("/subclouds", **form(**parts)))
    assert phased.walk()[-3:] == ["pre-config", "configuring", "complete"]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"enroll": "true"}, "Install values is necessary for subcloud enrollment"),
        ({"enroll": "true", "migrate": "true"}, "migrate with enroll is not allowed"),
        ({"enroll": "true", "secondary": "true"}, "secondary with enroll is not allowed"),
        ({"on_site": "true"}, "on_site is not allowed with enroll=false"),
        ({"cloud_init_config": b"x"}, "cloud_init_config is not allowed with enroll=false"),
        (
            {"enroll": "true", "release": RELEASE, **INSTALL, "cloud_init_config": "x"},
            "No cloud-init-config file uploaded",
        ),
    ],
)
def test_a_new_subcloud_is_not_enrolled_by_halves(phased: Phased, parts: dict[str, Any], text: str) -> None:
    given = new_parts(sysadmin_password=PASSWORD, **parts)
    refused(phased.fleet.operator.post("/subclouds", **form(**given)), 400, text)
    assert done(phased.fleet.operator.get("/subclouds")).json["subclouds"] == []
