"""The scenarios of the lab, each against two real servers and checked on both."""

from __future__ import annotations

import pytest

from dcapi.lab.pair import Pair
from dcapi.lab.scenarios import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.play.__name__)
def test_scenario_passes_on_both_sites(any_pair: Pair, scenario: Scenario) -> None:
    scenario.play(any_pair)
