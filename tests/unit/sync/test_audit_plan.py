"""What becomes of members after a look at the peer's copy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcapi.models.states import COPY_STATES, Deploy
from dcapi.peers.remote import RemoteSubcloud
from dcapi.sync.audit.decisions import NAMED, AuditPlan, Fate, MemberDecision, MemberHere
from dcapi.sync.audit.fates import managed_twice, plan_ceding, plan_following, plan_leading
from dcapi.sync.values.member import ADDRESS_KEY
from dcapi.sync.values.merge import Values
from dcapi.sync.values.plan import Pushed
from tests.unit.sync.builders import LONGEST, copy_of, member

STATUSES = [Deploy.COMPLETE, Deploy.REHOMING, Deploy.PRE_REHOME, Deploy.REHOME_PENDING, *sorted(COPY_STATES)]


def here(name: str = "edge-1", **values: Any) -> MemberHere:
    """A member in service that reached the peer and did not change since."""
    sent = member(name)
    payload = sent.payload
    stored = Values(
        description=payload.description or "",
        location=payload.location or "",
        release=payload.release or "",
        saved_payload={**(payload.bootstrap_values or {}), ADDRESS_KEY: payload.bootstrap_address},
        install_values=payload.install_values,
    )
    found = MemberHere(
        id=1,
        name=name,
        region_name=payload.region_name,
        in_group=True,
        managed=True,
        deploy_status=Deploy.COMPLETE,
        values=stored,
        digest=sent.digest,
        pushed=Pushed(name, sent.digest),
    )
    return replace(found, **values)


def there(name: str = "edge-1", **values: Any) -> RemoteSubcloud:
    """The same member after the peer took it over."""
    taken = {"deploy_status": Deploy.COMPLETE, "management_state": "managed"}
    return copy_of(member(name), **{**taken, **values})


NOT_LOOKED_FOR = object()


def follow(
    one: MemberHere, *copies: RemoteSubcloud, primary: bool = True, outside: Any = NOT_LOOKED_FOR
) -> AuditPlan:
    found = {} if outside is NOT_LOOKED_FOR else {one.region_name: outside}
    return plan_following([one], copies, found, primary=primary, max_length=LONGEST)


def fate(plan: AuditPlan) -> Fate | None:
    return plan.steps[0].fate if plan.steps else None


def test_a_member_that_lives_at_the_leader_becomes_secondary() -> None:
    plan = follow(here(), there())
    assert (fate(plan), plan.is_equal) == (Fate.SECONDARY, True)


def test_one_that_is_secondary_already_is_left_alone() -> None:
    plan = follow(here(managed=False, deploy_status=Deploy.SECONDARY), there())
    assert plan.changes == []
    assert plan.is_equal


def test_a_failed_rehome_is_taken_over_with_its_reason() -> None:
    plan = follow(
        here(),
        there(deploy_status=Deploy.REHOME_PREP_FAILED, management_state="unmanaged", error_description="no"),
    )
    assert plan.steps == [MemberDecision(here(), Fate.REHOME_FAILED, error="no", arrived=True)]
    assert (plan.failed, plan.is_equal) == (["edge-1"], False)


@pytest.mark.parametrize("said", ["x" * 501, "", "two\nlines", " \n", "  edges  "])
def test_a_failed_rehome_is_taken_over_once_whatever_its_reason_looks_like(said: str) -> None:
    failed = there(deploy_status=Deploy.REHOME_FAILED, management_state="unmanaged", error_description=said)
    [step] = follow(here(), failed).steps
    assert step.error
    assert follow(_after(here(), step), failed).changes == []


@pytest.mark.parametrize("told", ["secret", "c2VjcmV0"])
def test_a_reason_that_tells_a_secret_of_the_member_is_taken_over_without(told: str) -> None:
    failed = there(
        deploy_status=Deploy.REHOME_FAILED,
        management_state="unmanaged",
        error_description=f"the controller refused {told}, which was given as ******",
        install_values={"bmc_address": "fd01::1", "bmc_password": "******"},
    )
    [step] = follow(here(), failed).steps
    assert step.error == "the controller refused ***, which was given as ******"
    assert follow(_after(here(), step), failed).changes == []


def test_a_member_that_the_leader_has_not_moved_is_left_and_named() -> None:
    plan = follow(here(), there(deploy_status=Deploy.SECONDARY, management_state="unmanaged"))
    assert (fate(plan), plan.differing) == (None, {"edge-1": "it is secondary there"})


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        ({}, Fate.LET_GO),
        ({"managed": False}, Fate.LET_GO),
        ({"managed": False, "deploy_status": Deploy.REHOME_PENDING}, Fate.LET_GO),
        ({"managed": False, "deploy_status": Deploy.REHOME_FAILED}, Fate.LET_GO),
        ({"managed": True, "deploy_status": Deploy.SECONDARY}, Fate.LET_GO),
        ({"managed": False, "deploy_status": Deploy.SECONDARY}, Fate.DELETED),
        ({"managed": False, "deploy_status": Deploy.SECONDARY_FAILED}, Fate.DELETED),
    ],
)
def test_only_a_copy_is_deleted_on_another_sites_word(state: dict[str, Any], wanted: Fate) -> None:
    assert fate(follow(here(**state), outside=None)) is wanted


def test_only_what_is_known_to_have_arrived_is_let_go() -> None:
    for pushed in (None, Pushed("edge-1", None), Pushed("edge-1", "digest", removed=True)):
        plan = follow(here(pushed=pushed), outside=None)
        assert (plan.steps, plan.kept) == ([], ["edge-1"])


def test_what_was_not_looked_for_is_not_let_go() -> None:
    plan = follow(here())
    assert (plan.steps, plan.kept) == ([], ["edge-1"])


def test_member_living_outside_the_leaders_group_is_let_go_here() -> None:
    assert fate(follow(here(pushed=None), outside=there(peer_group_id=None))) is Fate.LET_GO


@pytest.mark.parametrize("pushed", [None, Pushed("edge-1", "digest")])
def test_member_of_another_group_of_the_leader_is_secondary_until_audited(
    pushed: Pushed | None,
) -> None:
    plan = follow(here(pushed=pushed), outside=there(peer_group_id=8))
    assert fate(plan) is Fate.SECONDARY
    assert plan.differing == {"edge-1": "it is in another group there"}
    again = follow(
        here(pushed=pushed, managed=False, deploy_status="secondary"), outside=there(peer_group_id=8)
    )
    assert (fate(again), again.differing) == (None, {"edge-1": "it is in another group there"})


def test_a_secondary_site_deletes_nothing() -> None:
    lost = follow(here(pushed=None, digest=None), primary=False, outside=None)
    assert (lost.steps, lost.kept) == ([], ["edge-1"])
    lives = follow(here(pushed=None), primary=False, outside=there(peer_group_id=None))
    assert fate(lives) is Fate.SECONDARY


def test_a_change_of_the_leader_comes_over() -> None:
    plan = follow(here(), there(description="rack 9"))
    values = plan.steps[0].values
    assert values is not None
    assert values.description == "rack 9"
    assert (plan.lost, plan.is_equal) == ({}, True)


def test_a_change_of_this_site_alone_stays() -> None:
    changed = here(values=replace(here().values, description="rack 5"), digest="another")
    plan = follow(changed, there())
    assert plan.steps[0].values is None
    assert plan.differing == {"edge-1": "not synced yet: description"}
    assert not plan.steps[0].arrived


@pytest.mark.parametrize("arrived", ["rack 4", "rack 5"])
def test_change_being_sent_is_not_taken_for_one_of_the_leader(
    arrived: str,
) -> None:
    now = member("edge-1", description="rack 5")
    pushed = Pushed("edge-1", member("edge-1").digest, sending=now.digest)
    values = replace(here().values, description="rack 5")
    plan = follow(here(values=values, digest=now.digest, pushed=pushed), there(description=arrived))
    assert plan.lost == {}
    assert plan.steps[0].values is None
    assert (plan.differing == {}) is (arrived == "rack 5")


def test_changes_of_both_sites_are_lost_to_the_leader() -> None:
    changed = here(values=replace(here().values, description="rack 5"), digest="another")
    plan = follow(changed, there(location="Turku"))
    values = plan.steps[0].values
    assert values is not None
    assert (values.description, values.location) == ("rack 4", "Turku")
    assert plan.lost == {"edge-1": ("description", "location")}


def test_many_are_counted_and_some_named() -> None:
    plan = AuditPlan(kept=[f"edge-{number}" for number in range(NAMED + 2)])
    [told] = plan.findings("site-b")
    assert told.endswith("and 2 more.")


def test_only_what_a_migration_takes_is_let_go() -> None:
    def let_go(**values: Any) -> bool:
        return bool(plan_ceding([here()], [there(management_state="unmanaged", **values)]).steps)

    assert let_go(deploy_status=Deploy.SECONDARY)
    assert let_go(deploy_status=Deploy.REHOMING)
    assert let_go(deploy_status=Deploy.REHOME_FAILED)
    assert not let_go(deploy_status=Deploy.SECONDARY_FAILED)
    assert plan_ceding([here()], []).steps == []


def test_what_was_let_go_for_nothing_is_taken_back() -> None:
    waiting = here(managed=False, deploy_status=Deploy.REHOME_PENDING)
    untouched = there(deploy_status=Deploy.SECONDARY, management_state="unmanaged")
    assert [step.fate for step in plan_leading([waiting], [untouched]).steps] == [Fate.MANAGED]
    assert plan_leading([waiting], [there()]).steps == []
    assert plan_leading([waiting], [there(deploy_status=Deploy.REHOMING)]).steps == []


def test_a_subcloud_that_both_manage_is_seen() -> None:
    assert managed_twice([here()], [there()])
    assert not managed_twice([here(managed=False)], [there()])
    assert not managed_twice([here()], [there(management_state="unmanaged")])


states = st.tuples(st.booleans(), st.sampled_from(STATUSES))


@given(
    mine=states,
    copy=st.none() | states,
    outside=st.none() | st.booleans(),
    pushed=st.sampled_from([None, Pushed("edge-1", None), Pushed("edge-1", member().digest)]),
    primary=st.booleans(),
    in_group=st.booleans(),
)
def test_following_never_manages_twice_or_deletes_without_proof(
    mine: tuple[bool, str],
    copy: tuple[bool, str] | None,
    outside: bool | None,
    pushed: Pushed | None,
    primary: bool,
    in_group: bool,
) -> None:
    one = here(managed=mine[0], deploy_status=mine[1], pushed=pushed, in_group=in_group)
    copies = [] if copy is None else [_in_state(*copy)]
    found = {} if outside is None or copies else {one.region_name: _in_state(outside, Deploy.COMPLETE)}
    plan = plan_following([one], copies, found, primary=primary, max_length=LONGEST)
    [step] = plan.steps or [MemberDecision(one)]
    managed_here = one.managed if step.fate is None else step.fate is Fate.MANAGED
    managed_there = any(one.management_state == "managed" for one in (*copies, *found.values()))
    if in_group or copies:
        assert not (managed_here and managed_there)
    if step.fate is Fate.DELETED:
        assert primary
        assert copy is None
        assert one.is_copy, "nothing that was managed here"
        assert (pushed is not None and pushed.digest) or found
    if step.fate and step.fate is not Fate.DELETED:
        after = [_after(one, step)]
        again = plan_following(after, copies, found, primary=primary, max_length=LONGEST)
        assert again.changes == [], "a second audit changes nothing"


def _in_state(managed: bool, status: str) -> RemoteSubcloud:
    return there(deploy_status=status, management_state="managed" if managed else "unmanaged")


def _after(one: MemberHere, step: MemberDecision) -> MemberHere:
    return replace(
        one,
        managed=False,
        in_group=step.fate is not Fate.LET_GO,
        deploy_status=one.deploy_status if step.fate is Fate.LET_GO else str(step.fate),
        error=step.error,
        values=step.values or one.values,
    )


# -- The peer runs the original --

LET_GO: dict[str, Any] = {"managed": False, "deploy_status": Deploy.REHOME_PENDING}
COPY: dict[str, Any] = {"deploy_status": Deploy.SECONDARY, "management_state": "unmanaged"}


def follow_original(one: MemberHere, *copies: RemoteSubcloud) -> AuditPlan:
    return plan_following([one], copies, {}, primary=True, max_length=LONGEST, original=True)


def lead_beside_original(one: MemberHere, *copies: RemoteSubcloud) -> AuditPlan:
    return plan_leading([one], copies, original=True)


@pytest.mark.parametrize("values", [{}, LET_GO])
def test_what_a_leading_original_did_not_take_stays_and_is_named(values: dict[str, Any]) -> None:
    plan = follow_original(here(**values), there(**COPY))
    assert (fate(plan), plan.untaken, plan.is_equal) == (None, ["edge-1"], False)
    assert plan.findings("site-b") == ["Site site-b leads the group and did not take over: edge-1."]


def test_copy_of_a_copy_at_a_leading_original_is_nothing_to_name() -> None:
    plan = follow_original(here(managed=False, deploy_status=Deploy.SECONDARY), there(**COPY))
    assert (plan.untaken, plan.is_equal) == ([], True)


def test_what_a_leading_site_of_ours_did_not_take_differs_as_ever() -> None:
    plan = follow(here(), there(**COPY))
    assert (plan.untaken, plan.differing) == ([], {"edge-1": "it is secondary there"})


def test_what_an_original_did_not_get_to_is_managed_here_again() -> None:
    plan = lead_beside_original(here(**LET_GO), there(**COPY))
    assert (fate(plan), plan.is_equal) == (Fate.MANAGED, True)


def test_what_both_sites_let_go_is_managed_by_the_leader_and_the_original_has_to_look() -> None:
    waiting = there(deploy_status=Deploy.REHOME_PENDING, management_state="unmanaged")
    plan = lead_beside_original(here(**LET_GO), waiting)
    assert (fate(plan), plan.waits_there, plan.is_equal) == (Fate.MANAGED, True, True)
    assert not lead_beside_original(here(**LET_GO), there(**COPY)).waits_there


@pytest.mark.parametrize("status", [Deploy.REHOME_FAILED, Deploy.REHOME_PREP_FAILED])
def test_what_failed_at_an_original_that_gave_up_is_failed_here_with_its_reason(status: Deploy) -> None:
    failed = there(deploy_status=status, management_state="unmanaged", error_description="no route")
    plan = lead_beside_original(here(**LET_GO), failed)
    assert plan.steps == [MemberDecision(here(**LET_GO), Fate.REHOME_FAILED, error="no route")]
    assert plan.failed == ["edge-1"]


def test_what_an_original_that_gave_up_manages_stays_let_go_and_is_named() -> None:
    plan = lead_beside_original(here(**LET_GO), there())
    assert (plan.changes, plan.kept_there, plan.is_equal) == ([], ["edge-1"], False)
    [finding] = plan.findings("site-b")
    assert finding == "Let go here: edge-1 (Site site-b manages it: migrate there again)."


def test_what_an_original_let_go_and_this_site_did_not_get_is_named() -> None:
    one = here(managed=False, deploy_status=Deploy.REHOME_PREP_FAILED)
    waiting = there(deploy_status=Deploy.REHOME_PENDING, management_state="unmanaged")
    plan = lead_beside_original(one, waiting)
    assert (plan.changes, plan.left_there, plan.failed) == ([], ["edge-1"], [])
    assert plan.findings("site-b") == ["Not taken over from site site-b, which let it go: edge-1."]


@pytest.mark.parametrize("status", [Deploy.COMPLETE, Deploy.REHOME_FAILED])
def test_beside_a_site_of_ours_what_was_let_go_stays_so(status: Deploy) -> None:
    plan = plan_leading([here(**LET_GO)], [there(deploy_status=status)])
    assert (plan.changes, plan.findings("site-b")) == ([], [])
