"""A network reconfiguration that is tried again leads to the state before the first try."""

from __future__ import annotations

import json

import pytest

from dcapi.deploy.port import Phase
from dcapi.models import Subcloud
from dcapi.models.secret_values import deploy_values
from tests.integration.kept_tasks import let_expire
from tests.integration.subclouds.fleet import Fleet, done
from tests.integration.subclouds.verbs import NETWORK, WITH_ACCESS, failing, patch
from tests.subcloud_forms import new_form

FAILED = "network-reconfiguration-failed"
OTHER = {key: value.replace("10.77.1.", "10.77.2.") for key, value in NETWORK.items()}


@pytest.fixture
def unfinished(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A subcloud that was never bootstrapped."""
    with monkeypatch.context() as during:
        failing(during, Phase.BOOTSTRAP, "no answer")
        done(fleet.operator.post("/subclouds", **new_form()))
        fleet.run_jobs()
    assert fleet.show(1)["deploy-status"] == "bootstrap-failed"
    return fleet


def reconfigure(fleet: Fleet, network: dict[str, str] = NETWORK) -> str:
    """Reconfigure the network, and return what becomes of the subcloud."""
    done(patch(fleet, **network, **WITH_ACCESS))
    fleet.run_jobs()
    return str(fleet.show(1)["deploy-status"])


def fail(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, network: dict[str, str] = NETWORK) -> None:
    with monkeypatch.context() as during:
        failing(during, Phase.RECONFIGURE, "the switch does not answer")
        assert reconfigure(fleet, network) == FAILED


def kept(fleet: Fleet) -> str | None:
    with fleet.runtime.unit_of_work() as session:
        row = session.get(Subcloud, 1)
        assert row is not None
        return row.deploy_values


def test_a_subcloud_that_was_not_complete_does_not_become_so(
    unfinished: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = kept(unfinished)
    for _ in range(3):
        fail(unfinished, monkeypatch)
    assert reconfigure(unfinished) == "bootstrap-failed"
    assert unfinished.show(1)["management-subnet"] == "10.77.1.0/24"
    assert json.loads(kept(unfinished) or "").keys() == json.loads(stored or "").keys()


def test_a_try_whose_password_is_gone_counts_as_one_that_failed(unfinished: Fleet) -> None:
    done(patch(unfinished, **NETWORK, **WITH_ACCESS))
    let_expire(unfinished.runtime)
    unfinished.run_jobs()
    assert unfinished.show(1)["deploy-status"] == FAILED
    assert reconfigure(unfinished) == "bootstrap-failed"


def test_what_was_before_is_not_what_it_was_long_ago(
    unfinished: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(unfinished, monkeypatch)
    unfinished.set_subcloud(1, deploy_status="complete")
    assert reconfigure(unfinished) == "complete"
    fail(unfinished, monkeypatch, OTHER)
    assert reconfigure(unfinished, OTHER) == "complete"


def test_a_failure_of_which_nothing_is_known_leads_to_complete(fleet: Fleet) -> None:
    fleet.deployed()
    fleet.set_subcloud(1, deploy_status=FAILED)
    assert reconfigure(fleet) == "complete"


def test_a_subcloud_without_values_of_its_own_has_none_afterwards(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was taken over: its values are those for other sites."""
    fleet.group()
    fleet.member("harbour")
    with fleet.runtime.unit_of_work() as session:
        row = session.get(Subcloud, 1)
        assert row is not None
        deploy_values.write(row, None)
        session.commit()
    fleet.set_subcloud(1, management_state="unmanaged", deploy_status="config-failed")
    fail(fleet, monkeypatch)
    assert reconfigure(fleet) == "config-failed"
    assert kept(fleet) is None
    assert "status_before" not in json.dumps(fleet.show(1))


def test_no_answer_shows_what_was_before(unfinished: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(unfinished, monkeypatch)
    assert "status_before" in (kept(unfinished) or "")
    shown = [
        unfinished.show(1),
        unfinished.operator.get("/subclouds/1/detail").json,
        unfinished.operator.get("/subclouds").json,
    ]
    assert "status_before" not in json.dumps(shown)
