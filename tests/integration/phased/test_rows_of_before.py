"""Phases of subclouds of older versions, which kept no bootstrap values."""

from __future__ import annotations

from dcapi.models import Subcloud
from dcapi.models.secret_values import deploy_values
from tests.integration.phased.phases import Phased
from tests.subcloud_forms import ADDRESS

NETWORKS = (
    "management-subnet",
    "management-start-ip",
    "management-gateway-ip",
    "systemcontroller-gateway-ip",
)


def test_a_configuration_without_stored_values_keeps_the_networks(phased: Phased) -> None:
    phased.created()
    assert phased.run("bootstrap") == "bootstrap-complete"
    with phased.runtime.unit_of_work() as session:
        deploy_values.write(session.get_one(Subcloud, 1), None)
        session.commit()
    before = phased.fleet.show(1)
    assert phased.run("configure", bootstrap__address=ADDRESS) == "complete"
    after = phased.fleet.show(1)
    assert all(before[key] for key in NETWORKS)
    assert [after[key] for key in NETWORKS] == [before[key] for key in NETWORKS]
    with phased.runtime.unit_of_work() as session:
        assert deploy_values.read(session.get_one(Subcloud, 1)) is None
