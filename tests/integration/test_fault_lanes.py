"""The processes that play fault runs side by side: one that dies loses its run alone, and none stays."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import pytest

from dcapi.lab.polling import wait_until
from tests.faults.player import Player, Report
from tests.faults.pool import Lane, await_lanes

DEADLY, ENDLESS = 13, 14


class SmallPlayer(Player):
    """Plays without sites; notes its life in files of a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__("none")
        self._folder = folder

    def play(self, seed: int) -> Report:
        (self._folder / f"{seed} begun").touch()
        if seed == DEADLY:
            os._exit(3)
        if seed == ENDLESS:
            time.sleep(600)
        return Report(seed, f"played by {os.getpid()}")

    def __exit__(self, *_: object) -> None:
        (self._folder / "left").touch()


def play(lane: Lane, seed: int) -> Report:
    lane.begin(seed)
    assert await_lanes([lane]) == [lane]
    return lane.end()


def test_a_lane_plays_run_after_run_in_one_process(tmp_path: Path) -> None:
    with Lane(partial(SmallPlayer, tmp_path)) as lane:
        reports = [play(lane, seed) for seed in (1, 2)]
    assert [report.seed for report in reports] == [1, 2]
    assert len({report.text for report in reports}) == 1
    assert reports[0].text != f"played by {os.getpid()}"


def test_a_process_that_dies_loses_its_run_and_the_next_one_has_another(tmp_path: Path) -> None:
    with Lane(partial(SmallPlayer, tmp_path)) as lane:
        before, lost, after = (play(lane, seed) for seed in (1, DEADLY, 2))
    assert lost.seed == DEADLY
    assert lost.problems == ["the process that played it ended with 3"]
    assert after.seed == 2
    assert after.text != before.text


@pytest.mark.parametrize("seed", [1, ENDLESS])
def test_a_player_ends_its_world_when_its_lane_ends(tmp_path: Path, seed: int) -> None:
    with Lane(partial(SmallPlayer, tmp_path)) as lane:
        lane.begin(seed)
        wait_until("the run to begin", (tmp_path / f"{seed} begun").exists)
        assert not (tmp_path / "left").exists()
    assert (tmp_path / "left").exists()
