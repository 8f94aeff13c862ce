"""The contract's table of networks through the API: who is refused with which text, and who is not judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from flask import Flask

from dcapi.api.request import EXTENSION
from tests.conftest import ADMIN_PASSWORD, make_site
from tests.integration.bad_input.world import digest
from tests.integration.subclouds.fleet import Fleet, done
from tests.integration.subclouds.verbs import WITH_ACCESS
from tests.networks.case import ADMIN, DUPLEX, POOL_ENDS, TAKEN, NetworkCase, numbered
from tests.networks.table import CASES
from tests.postgres import SKIPPED, temporary_database
from tests.site_client import SiteClient
from tests.subcloud_forms import (
    PASSWORD,
    Values,
    bootstrap_values,
    form,
    install_values,
    new_form,
    secondary_form,
)

# Numbers of subclouds: one that is changed and deployed again, a copy, and those that are not there yet.
CHANGED, COPY, NEW, NEW_COPY, NEW_NETWORK = 1, 3, 5, 6, 8
REGION_OF_COPY = "c0" * 16
# (network that others see, whether it has two nodes) → the subcloud that gets another one
RECONFIGURED = {
    ("management", False): 20,
    ("management", True): 21,
    ("admin", False): 22,
    ("admin", True): 23,
}
NETWORK_FIELDS = dict(zip(("subnet", "start_ip", "end_ip", "gateway_ip"), POOL_ENDS, strict=True))

Answer = tuple[int, str]


@dataclass
class Judges:
    """A site on which nothing that is refused changes anything, and each call that judges networks."""

    app: Flask
    fleet: Fleet

    def make(self) -> None:
        for number, values in TAKEN.items():
            self.fleet.secondary(number, bootstrap_values=values)
        self.fleet.secondary(COPY, region_name=REGION_OF_COPY)
        self.fleet.deployed(CHANGED, install_values=install_values(), bmc_password=PASSWORD)
        for (pool, is_duplex), number in RECONFIGURED.items():
            changes = {**(ADMIN if pool == "admin" else {}), **(DUPLEX if is_duplex else {})}
            self.fleet.deployed(number, bootstrap_values=numbered(bootstrap_values(**changes), number))
        offline = self.fleet.show(f"quay-{CHANGED}")["id"]
        self.fleet.set_subcloud(offline, availability_status="offline")

    # -- What operators ask for --

    def post(self, values: Values) -> Any:
        return self.fleet.operator.post("/subclouds", **new_form(NEW, bootstrap_values=values))

    def post_secondary(self, values: Values) -> Any:
        return self.fleet.operator.post("/subclouds", **secondary_form(NEW, bootstrap_values=values))

    def patch(self, values: Values) -> Any:
        return self.fleet.operator.patch(f"/subclouds/quay-{CHANGED}", **form(bootstrap_values=values))

    def redeploy(self, values: Values) -> Any:
        parts = form(bootstrap_values=values, sysadmin_password=PASSWORD)
        return self.fleet.operator.patch(f"/subclouds/quay-{CHANGED}/redeploy", **parts)

    def reconfigure(self, values: Values, pool: str, *, is_duplex: bool) -> Any:
        parts = {f"management_{name}": values[f"{pool}_{end}"] for name, end in NETWORK_FIELDS.items()}
        number = RECONFIGURED[pool, is_duplex]
        return self.fleet.operator.patch(f"/subclouds/quay-{number}", **form(**parts, **WITH_ACCESS))

    # -- What another site asks for --

    def post_copy(self, values: Values) -> Any:
        return self.fleet.other_site.post("/subclouds", **secondary_form(NEW_COPY, bootstrap_values=values))

    def patch_copy(self, values: Values) -> Any:
        return self.fleet.other_site.patch(f"/subclouds/{REGION_OF_COPY}", **form(bootstrap_values=values))

    def delete(self, number: int) -> None:
        done(self.fleet.operator.delete(f"/subclouds/quay-{number}"))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.xdist_group(f"networks-{name}"))
        for name in ("sqlite", "postgresql")
    ],
)
def judges(
    request: pytest.FixtureRequest,
    prepared_instance: Any,
    postgres_template: str | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Judges]:
    with ExitStack() as stack:
        uri = ""
        if request.param == "postgresql":
            if postgres_template is None:
                pytest.skip(SKIPPED)
            uri = stack.enter_context(temporary_database(postgres_template))
        folder = tmp_path_factory.mktemp("networks")
        app = stack.enter_context(make_site(prepared_instance, folder, SQLALCHEMY_DATABASE_URI=uri))
        operator, other_site = (
            SiteClient.logged_in(app, "admin", ADMIN_PASSWORD, agent) for agent in ("tests", "dcmanager/1.0")
        )
        made = Judges(app, Fleet(operator, other_site, app.extensions[EXTENSION]))
        made.make()
        yield made


def answers(calls: Mapping[str, tuple[Callable[[Values], Any], int]], case: NetworkCase) -> dict[str, Answer]:
    """What each call answers to the wrong values, those of the subcloud that it is about."""
    asked = {name: call(case.values(case.wrong, number)) for name, (call, number) in calls.items()}
    return {name: (answer.status_code, answer.json.get("description")) for name, answer in asked.items()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_wrong_networks_are_refused_by_every_call_of_an_operator(judges: Judges, case: NetworkCase) -> None:
    calls: dict[str, tuple[Callable[[Values], Any], int]] = {
        "POST": (judges.post, NEW),
        "POST of a secondary": (judges.post_secondary, NEW),
        "PATCH": (judges.patch, CHANGED),
        "redeployment": (judges.redeploy, CHANGED),
    }
    if case.pool is not None:
        call = partial(judges.reconfigure, pool=case.pool, is_duplex=case.is_duplex)
        calls["reconfiguration"] = (call, NEW_NETWORK)
    before = digest(judges.app)
    expected = {name: (400, numbered(case.text, number)) for name, (_, number) in calls.items()}
    assert answers(calls, case) == expected
    assert digest(judges.app) == before


@pytest.mark.parametrize("case", {str(case.values(case.right, 1)): case for case in CASES}.values(), ids=str)
def test_the_nearest_right_networks_are_taken(judges: Judges, case: NetworkCase) -> None:
    done(judges.post_secondary(case.values(case.right, NEW)))
    judges.delete(NEW)
    done(judges.patch(case.values(case.right, CHANGED)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_of_copies_the_form_and_the_ranges_are_judged_alone(judges: Judges, case: NetworkCase) -> None:
    if case.copies:
        before = digest(judges.app)
        calls = {"POST": (judges.post_copy, NEW_COPY), "PATCH": (judges.patch_copy, COPY)}
        expected = {name: (400, numbered(case.text, number)) for name, (_, number) in calls.items()}
        assert answers(calls, case) == expected
        assert digest(judges.app) == before
        return
    done(judges.post_copy(case.values(case.wrong, NEW_COPY)))
    judges.delete(NEW_COPY)
    done(judges.patch_copy(case.values(case.wrong, COPY)))
