"""One of the two dies at the worst moment of a takeover."""

from __future__ import annotations

from dcapi.lab.faults import Hang, Stall
from dcapi.lab.polling import wait_until
from tests.original.plays import both_databases
from tests.original.takeovers import (
    BACK,
    FOLLOWS,
    all_are,
    expect_quiet,
    expect_untaken_named,
    original_takes_over,
    wait_original_manages,
    wait_site_follows,
)
from tests.original.watcher import one_manager
from tests.original.world import LET_GO, World


@both_databases
def test_site_that_dies_between_letting_go_and_answering_has_let_go(world: World) -> None:
    world.share("D")
    unanswered = world.original.fail_sending(Hang("PATCH", "/v1.0/subclouds/.*", on_answer=True))
    with one_manager(world, "O"):
        world.migrate_to_original()
        wait_until("D to let all go", world.states_at_site, all_are(LET_GO))
        with world.killed_site():
            unanswered.release()
            wait_until("O to lead", lambda: world.leader_at_original() == "O", within=FOLLOWS)
        assert set(world.states_at_site().values()) == {LET_GO}
        wait_until("D to name O", world.leaders, lambda seen: seen == ("O", "O"), within=BACK)
        expect_untaken_named(world)
        assert set(world.states_at_site().values()) == {LET_GO}
    world.wait_seen()
    original_takes_over(world)
    expect_quiet(world)


@both_databases
def test_original_that_dies_before_it_asks_for_an_audit_is_followed(world: World) -> None:
    world.share("D")
    unasked = world.original.fail_sending(Stall("PATCH", ".*/audit"))
    with one_manager(world, "O"):
        world.migrate_to_original()
        wait_original_manages(world)
        unasked.wait_taken()
        world.original.kill()
        unasked.release()
        begin = world.mark()
        world.original.start()
        wait_site_follows(world, BACK)
        assert world.sent("PATCH", ".*/audit", begin) == []
    expect_quiet(world)
