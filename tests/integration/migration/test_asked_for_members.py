"""Another site asks for a member of a group that this site migrates: which of the two goes on."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.models import Subcloud, SubcloudPeerGroup
from dcapi.tasks.runner import TASK_JOB
from tests.integration.kept_tasks import all_steps
from tests.integration.migration.conftest import Survivor
from tests.subcloud_forms import form

HERE = "This site is migrating the peer group"
AT_A_STEP = "The subcloud is being rehomed to this site: try again when it has finished"


def ask_for(site: Survivor, name: str = "edge-1", **parts: Any) -> tuple[int, str]:
    """The other site asks for a member; returns what it is answered."""
    asked = parts or {"management__state": "unmanaged", "migrate": "true"}
    answer = site.other_site.patch(f"/subclouds/region-of-{name}", **form(**asked))
    shown: dict[str, Any] = answer.json or {}
    return answer.status_code, shown.get("description", "")


def begin_with_one(site: Survivor) -> None:
    """Of two members one has arrived, and the other one waits for its turn."""
    site.add_member("edge-1")
    site.add_member("edge-2")
    site.change(SubcloudPeerGroup, 1, max_subcloud_rehoming=1)
    site.jobs._functions[TASK_JOB] = lambda **_: None
    site.begin()
    all_steps(site.runtime, "migrate")
    all_steps(site.runtime, "rehome")
    assert site.steps() == {"edge-1": None, "edge-2": "waiting"}
    assert site.standing("edge-1") == ("complete", "managed")


def test_member_that_has_arrived_is_not_let_go_while_others_are_on_their_way(site: Survivor) -> None:
    begin_with_one(site)
    assert ask_for(site, "edge-1") == (409, HERE)
    assert ask_for(site, "edge-2") == (409, AT_A_STEP)
    assert site.standing("edge-1") == ("complete", "managed")


@pytest.mark.parametrize("status", ["complete", "rehome-pending", "secondary-failed", "config-failed"])
def test_no_member_of_a_group_that_is_migrated_here_is_let_go(site: Survivor, status: str) -> None:
    site.add_member("edge-1")
    left_out = site.add_member("edge-2", deploy_status=status)
    site.begin()
    assert ask_for(site, "edge-2") == (409, HERE)
    assert site.read(Subcloud, left_out).deploy_status == status
