"""How long a migration waits and keeps its password, whatever the clock said before."""

from __future__ import annotations

import time

from sqlalchemy import update

from dcapi.models import SubcloudPeerGroup, Task, task
from dcapi.models.states import TaskName
from dcapi.sync.takeover import group_rows
from tests.integration.kept_tasks import all_steps, let_expire, make_due, tasks
from tests.integration.migration.conftest import Survivor

SOON = 30.0


def member_coming_online(site: Survivor, seconds: float) -> None:
    """A member whose patience ends in so many seconds."""
    subcloud_id = site.add_member(deploy_status="complete", rehome_step="coming-online")
    with site.runtime.unit_of_work() as session:
        task.start(session, TaskName.REHOME, subcloud_id)
        session.flush()
        session.execute(update(Task).values(deadline=time.time() + seconds))
        session.commit()


def deadline(site: Survivor) -> float:
    [found] = tasks(site.runtime)
    assert found.deadline is not None
    return found.deadline - time.time()


def test_a_deadline_too_far_off_is_cut(site: Survivor) -> None:
    longest = site.runtime.settings.REHOME_ONLINE_SECONDS
    member_coming_online(site, longest + 3600)
    all_steps(site.runtime, "rehome")
    assert longest - SOON < deadline(site) <= longest


def test_a_deadline_within_its_patience_stays(site: Survivor) -> None:
    member_coming_online(site, SOON)
    all_steps(site.runtime, "rehome")
    assert 0 < deadline(site) <= SOON


def secret_until(site: Survivor) -> float:
    [found] = [one for one in tasks(site.runtime) if one.kind == "migrate"]
    assert found.secret_until is not None
    return found.secret_until


def test_a_look_at_the_group_keeps_the_password_no_longer(site: Survivor) -> None:
    site.change(SubcloudPeerGroup, 1, max_subcloud_rehoming=1)
    for name in ("edge-1", "edge-2"):
        site.add_member(name)
    site.begin()
    all_steps(site.runtime, "migrate")
    until = secret_until(site)
    for _ in range(2):
        make_due(site.runtime)
        all_steps(site.runtime, "migrate")
    assert secret_until(site) == until
    assert site.steps() == {"edge-1": "ceding", "edge-2": "waiting"}


def test_a_password_that_is_over_is_not_kept_on(site: Survivor) -> None:
    site.add_member()
    site.begin()
    let_expire(site.runtime)
    until = secret_until(site)
    with site.runtime.unit_of_work() as session:
        group_rows.keep_password(session, 1, 3600)
        session.commit()
    assert secret_until(site) == until
