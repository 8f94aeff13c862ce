"""What the harness reads out of the record of requests: it must see what is wrong, and only that."""

from __future__ import annotations

from tests.faults.record import (
    Mark,
    Passed,
    Pause,
    Takeover,
    crossings,
    overlaps,
    without_lease,
    writes_under_another_leader,
)

MEMBER = "/v1.0/subclouds/region"
GROUP = "/v1.0/subcloud-peer-groups/4"
ASSOCIATION = "/v1.0/peer-group-associations/4"


def passed(
    epoch: int, came: float, ended: float | None = None, path: str = MEMBER, **values: object
) -> Passed:
    method = str(values.pop("method", "PATCH"))
    mark = Mark(str(values.pop("lease", "association:1")), epoch, 100 + epoch)
    values = {"came": came, "delivered": came, "ended": ended, **values}
    return Passed(1, method, path, mark, **values)  # type: ignore[arg-type]


def test_a_mark_is_read_from_its_header() -> None:
    assert Mark.of("association:3 7 4711") == Mark("association:3", 7, 4711)
    assert Mark.of("") is None


def test_a_write_that_is_sent_under_no_lease_is_seen() -> None:
    unmarked = Passed(1, "PATCH", MEMBER, None, came=1.0)
    reading = Passed(1, "GET", MEMBER, None, came=1.0)
    login = Passed(1, "POST", "/v3/auth/tokens", None, came=1.0)
    assert len(without_lease([unmarked, reading, login, passed(1, 1.0)])) == 1


class TestOverlaps:
    def test_runs_one_after_the_other_do_not_overlap(self) -> None:
        assert overlaps([passed(1, 1.0, 1.5), passed(2, 2.0, 2.5)], []) == []

    def test_a_write_of_an_older_holder_after_one_of_a_newer_is_seen(self) -> None:
        assert len(overlaps([passed(2, 1.0, 1.5), passed(1, 2.0, 2.5)], [])) == 1

    def test_a_write_that_is_under_way_when_the_next_holder_writes_is_seen(self) -> None:
        assert len(overlaps([passed(1, 1.0, 3.0), passed(2, 2.0, 2.5)], [])) == 1

    def test_one_whose_sender_gave_it_up_before_may_still_be_under_way(self) -> None:
        assert overlaps([passed(1, 1.0, 3.0, abandoned=1.8), passed(2, 2.0, 2.5)], []) == []

    def test_so_may_one_whose_holder_was_stopped(self) -> None:
        both = [passed(1, 1.0, 3.0), passed(2, 2.0, 2.5)]
        assert overlaps(both, [Pause(101, 1.2, 2.8)]) == []
        assert len(overlaps(both, [Pause(999, 1.2, 2.8)])) == 1

    def test_a_stopped_holder_excuses_nothing_that_is_sent_later(self) -> None:
        late = [passed(2, 2.0, 2.5), passed(1, 3.0, 3.1)]
        assert len(overlaps(late, [Pause(101, 1.2, 2.8)])) == 1

    def test_what_never_arrived_is_no_write(self) -> None:
        assert overlaps([passed(1, 1.0, 3.0, delivered=None), passed(2, 2.0, 2.5)], []) == []

    def test_reading_and_other_leases_do_not_count(self) -> None:
        assert overlaps([passed(2, 1.0), passed(1, 2.0, method="GET")], []) == []
        assert overlaps([passed(2, 1.0), passed(1, 2.0, lease="association:2")], []) == []
        assert overlaps([passed(2, 1.0, lease="group:1"), passed(1, 2.0, lease="group:1")], []) == []


class TestCrossings:
    other = "association:2"

    def test_two_associations_that_write_one_subcloud_at_once_are_seen(self) -> None:
        assert len(crossings([passed(1, 1.0, 2.0), passed(1, 1.5, 1.8, lease=self.other)], [])) == 1

    def test_one_after_the_other_they_may_and_so_they_may_with_two_subclouds(self) -> None:
        assert crossings([passed(1, 1.0, 1.2), passed(1, 1.5, 1.8, lease=self.other)], []) == []
        elsewhere = passed(1, 1.5, 1.8, path="/v1.0/subclouds/another", lease=self.other)
        assert crossings([passed(1, 1.0, 2.0), elsewhere], []) == []


class TestAnotherLeader:
    takeover = Takeover(4, frozenset({"association:1"}), 5.0, 9.0)

    def test_a_write_after_the_leader_was_seen_is_found(self) -> None:
        record = [passed(1, 6.0, path=GROUP, method="GET"), passed(1, 6.5)]
        assert len(writes_under_another_leader(record, self.takeover)) == 1

    def test_so_is_one_without_a_look(self) -> None:
        assert len(writes_under_another_leader([passed(1, 6.5)], self.takeover)) == 1

    def test_a_run_that_looked_before_goes_on(self) -> None:
        record = [passed(1, 4.0, path=GROUP, method="GET"), passed(1, 6.5)]
        assert writes_under_another_leader(record, self.takeover) == []

    def test_telling_a_status_and_other_groups_are_no_writes_to_the_copy(self) -> None:
        record = [passed(1, 6.5, path=ASSOCIATION), passed(1, 6.6, lease="association:2"), passed(1, 9.5)]
        assert writes_under_another_leader(record, self.takeover) == []

    def test_what_a_run_deletes_that_looked_before_is_no_copy_any_more(self) -> None:
        deletion = passed(1, 6.0, 6.2, path=GROUP, method="DELETE", code=200)
        anew = passed(2, 6.5, path="/v1.0/subcloud-peer-groups/5")
        looked = passed(1, 4.0, path=GROUP, method="GET")
        assert writes_under_another_leader([looked, deletion, anew], self.takeover) == []
        assert len(writes_under_another_leader([deletion, anew], self.takeover)) == 1

    def test_a_deletion_that_the_site_refused_ends_nothing(self) -> None:
        looked = passed(1, 4.0, path=GROUP, method="GET")
        refused = passed(1, 6.0, 6.2, path=GROUP, method="DELETE", code=400)
        assert len(writes_under_another_leader([looked, refused, passed(2, 6.5)], self.takeover)) == 1
