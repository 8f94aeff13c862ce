"""What two sites must do together, as functions over a pair of them: for ``make lab``, and for the tests.

Each one makes its own groups and subclouds and leaves both sites up, so that they can follow each other in
any order on one pair. Each checks both sites, and raises where one is not as it should be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dcapi.lab.pair import Pair
from dcapi.lab.scenarios.attributes import (
    attributes_are_refused_without_the_peer,
    attributes_reach_the_peer,
)
from dcapi.lab.scenarios.membership import (
    changes_elsewhere_touch_nothing,
    changes_put_both_out_of_sync,
    group_is_shared,
)
from dcapi.lab.scenarios.original_peer import lost_original_is_taken_over
from dcapi.lab.scenarios.outage import changes_with_the_peer_down_fail
from dcapi.lab.scenarios.phases import group_is_deployed_in_phases
from dcapi.lab.scenarios.race import change_during_a_sync_is_not_lost
from dcapi.lab.scenarios.recovery import (
    killed_site_finishes_its_sync,
    quiet_outage_leaves_both_in_sync,
    returning_peer_is_told,
)
from dcapi.lab.scenarios.takeover import lost_site_is_taken_over


@dataclass(frozen=True)
class Scenario:
    number: int
    title: str
    play: Callable[[Pair], None]

    def __str__(self) -> str:
        return f"Scenario {self.number}: {self.title}"


SCENARIOS = (
    Scenario(1, "a group with its subclouds comes to be at both sites", group_is_shared),
    Scenario(
        2, "a change of a member puts both sites out of sync, a sync mends it", changes_put_both_out_of_sync
    ),
    Scenario(3, "changes with the peer down fail on A, as fast as ever", changes_with_the_peer_down_fail),
    Scenario(4, "a peer that comes back is told without anyone asking", returning_peer_is_told),
    Scenario(5, "attributes of a group reach the peer at once", attributes_reach_the_peer),
    Scenario(
        6, "attributes of a group are refused with the peer down", attributes_are_refused_without_the_peer
    ),
    Scenario(7, "changes outside of associated groups touch nothing", changes_elsewhere_touch_nothing),
    Scenario(8, "an outage in which nothing changes leaves both in sync", quiet_outage_leaves_both_in_sync),
    Scenario(9, "a site killed in the middle of a sync finishes it", killed_site_finishes_its_sync),
    Scenario(10, "a change during a sync is not lost", change_during_a_sync_is_not_lost),
    Scenario(11, "a lost site's subclouds are taken over, and go home again", lost_site_is_taken_over),
    Scenario(12, "the same with an original at the other end, and no storm", lost_original_is_taken_over),
    Scenario(13, "a group is deployed in phases, an installation is resumed", group_is_deployed_in_phases),
)
