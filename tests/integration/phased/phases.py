"""A site whose subclouds are deployed phase by phase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from dcapi.runtime import Runtime
from tests.integration.kept_tasks import one_step, tasks
from tests.integration.subclouds.fleet import Fleet, done
from tests.subcloud_forms import ADDRESS, PASSWORD, bootstrap_values, form, install_values

URL = "/phased-subcloud-deploy"
CONFIG = b"kind: Host\n"
# What each verb is asked with when all that it takes is sent.
PARTS: dict[str, dict[str, Any]] = {
    "install": {
        "install_values": install_values(),
        "bmc_password": PASSWORD,
        "sysadmin_password": PASSWORD,
    },
    "bootstrap": {"sysadmin_password": PASSWORD},
    "configure": {"deploy_config": CONFIG, "sysadmin_password": PASSWORD},
    "resume": {"sysadmin_password": PASSWORD},
}


def new_parts(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Parts of a creation; None drops one."""
    parts = {"bootstrap_values": bootstrap_values(number), "bootstrap__address": ADDRESS, **changes}
    return {name: value for name, value in parts.items() if value is not None}


@dataclass
class Phased:
    """Asks for phases and lets them run. Jobs run when they are told to, so a creation is not waited for."""

    fleet: Fleet

    @property
    def runtime(self) -> Runtime:
        return self.fleet.runtime

    def create(self, number: int = 1, **changes: Any) -> TestResponse:
        return self.fleet.operator.post(
            URL, headers={"Prefer": "wait=0"}, **form(**new_parts(number, **changes))
        )

    def created(self, number: int = 1, **changes: Any) -> int:
        """The id of a subcloud that is at ``create-complete``."""
        subcloud_id: int = done(self.create(number, **changes)).json["id"]
        self.fleet.run_jobs()
        assert self.status(subcloud_id) == "create-complete"
        return subcloud_id

    def ask(self, verb: str, subcloud: int | str = 1, **changes: Any) -> TestResponse:
        """Ask for a verb, with the parts that it usually has; None drops one."""
        parts = {**PARTS.get(verb, {}), **changes}
        given = {name: value for name, value in parts.items() if value is not None}
        return self.fleet.operator.patch(f"{URL}/{subcloud}/{verb}", **form(**given))

    def run(self, verb: str, subcloud: int | str = 1, **changes: Any) -> str:
        """Ask for a verb and let it come to its end; returns the deploy status."""
        subcloud_id: int = done(self.ask(verb, subcloud, **changes)).json["id"]
        self.fleet.run_jobs()
        return self.status(subcloud_id)

    def walk(self, subcloud_id: int = 1) -> list[str]:
        """Every deploy status from here to the end, one step after the other."""
        seen = [self.status(subcloud_id)]
        while tasks(self.runtime):
            one_step(self.runtime, "deploy", subcloud_id)
            seen.append(self.status(subcloud_id))
        return seen

    def status(self, subcloud_id: int = 1) -> str:
        return str(self.fleet.show(subcloud_id)["deploy-status"])
