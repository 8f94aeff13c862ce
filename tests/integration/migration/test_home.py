"""A primary group comes home to the site that made it."""

from __future__ import annotations

from dcapi.models import SubcloudPeerGroup
from tests.integration.migration.conftest import Survivor


def test_a_primary_group_that_is_led_elsewhere_comes_home_without_members(site: Survivor) -> None:
    """The other site took the lead when its only copy was of a subcloud that had left the group here."""
    site.change(SubcloudPeerGroup, 1, group_priority=0)
    assert site.begin() == []
    site.run_jobs()
    site.expect_complete()


def test_a_secondary_group_without_members_is_not_migrated(site: Survivor) -> None:
    answer = site.migrate()
    assert answer.status_code == 400
    assert "Nothing to migrate" in answer.text
    assert site.group().migration_status is None


def test_a_primary_group_that_is_at_home_is_not_migrated(site: Survivor) -> None:
    site.change(SubcloudPeerGroup, 1, group_priority=0, system_leader_id=site.runtime.site.uuid)
    assert site.migrate().status_code == 400
