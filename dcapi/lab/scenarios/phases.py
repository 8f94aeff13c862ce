"""Scenario 13: subclouds of a group are deployed phase by phase, one installation is aborted and resumed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dcapi.lab.expectations import expect_equal
from dcapi.lab.members import Member
from dcapi.lab.operator import Json
from dcapi.lab.pair import OUTCOME_SECONDS, Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import GROUPS, associate

# Seconds that an installation takes here: long enough to be aborted in its middle.
INSTALLATION_SECONDS = "2"
DEPLOY_CONFIG = {"kind": "Host", "metadata": {"name": "controller-0"}}


def group_is_deployed_in_phases(pair: Pair) -> None:
    """Scenario 13."""
    subclouds = [pair.new_member("sawmill", install=True) for _ in range(3)]
    by_hand, configured, aborted = subclouds
    with pair.step("three subclouds are created at A, and rest"):
        for new in subclouds:
            created = pair.at_a.create_in_phases(new.phased_creation())
            expect_equal(f"deploy status of {new.name}", created["deploy-status"], "create-complete")
    with _slow_phases(pair):
        _install_two(pair, subclouds, aborted)
    with pair.step("the installed two are bootstrapped; one is configured, one completed by hand"):
        for new in (by_hand, configured):
            _run(pair, new, "bootstrap", "bootstrap-complete")
        _run(pair, configured, "configure", "complete", deploy_config=DEPLOY_CONFIG)
        pair.at_a.run_phase(by_hand.name, "complete")
    with pair.step("the aborted one is resumed, and comes to its end"):
        _run(pair, aborted, "resume", "complete")
    _share(pair, subclouds)


@contextmanager
def _slow_phases(pair: Pair) -> Iterator[None]:
    """A is started anew with phases that take a moment, and at the end as it was."""
    name = "DEPLOY_PHASE_SECONDS"
    before = pair.a.settings[name]
    with pair.step("A is started anew, its phases take a moment now"):
        _restart(pair, {name: INSTALLATION_SECONDS})
    try:
        yield
    finally:
        _restart(pair, {name: before})


def _restart(pair: Pair, settings: dict[str, str]) -> None:
    pair.a.stop()
    pair.a.settings |= settings
    pair.a.start()


def _install_two(pair: Pair, subclouds: list[Member], aborted: Member) -> None:
    with pair.step("all three rested meanwhile, and are installed; one installation is aborted"):
        for new in subclouds:
            _wait_status(pair, new, "create-complete", within=0)
        for new in subclouds:
            pair.at_a.run_phase(new.name, "install", new.for_phase())
        _wait_status(pair, aborted, "installing")
        answer = pair.at_a.run_phase(aborted.name, "abort")
        expect_equal("deploy status", answer["deploy-status"], "aborting-install")
    with pair.step("two are installed, one is aborted"):
        for new in subclouds:
            _wait_status(pair, new, "install-aborted" if new is aborted else "install-complete")


def _run(pair: Pair, new: Member, verb: str, wanted: str, **documents: Json) -> None:
    """Run what a verb begins, with these documents, up to the status that it comes to."""
    pair.at_a.run_phase(new.name, verb, new.for_phase() | documents)
    _wait_status(pair, new, wanted)


def _shown(pair: Pair, new: Member) -> Json:
    return pair.at_a.one("subclouds", new.name)


def _wait_status(pair: Pair, new: Member, wanted: str, within: float = OUTCOME_SECONDS) -> None:
    wait_until(
        f"{new.name} to be {wanted}",
        lambda: _shown(pair, new)["deploy-status"],
        lambda seen: seen == wanted,
        within=within,
    )


def _share(pair: Pair, subclouds: list[Member]) -> None:
    with pair.step("all three are complete and online; managed, they join a group"):
        group = pair.at_a.create(GROUPS, {"peer-group-name": "sawmills"})
        for new in subclouds:
            expect_equal(f"availability of {new.name}", _shown(pair, new)["availability-status"], "online")
            pair.at_a.update_subcloud(new.name, {"management-state": "managed"})
            pair.at_a.update_subcloud(new.name, new.joining(group["id"]))
    with pair.step("the group is in sync, B has its subclouds as secondary ones"):
        pair.introduce()
        shared = associate(pair, group)
        shared.expect_status("in-sync")
        shared.expect_same_members()
