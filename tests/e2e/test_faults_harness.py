"""Random operations and random faults on two sites: a few runs of what ``make faults`` plays many of."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.__main__ import story
from tests.faults.databases import KINDS, POSTGRESQL
from tests.faults.run import play
from tests.faults.world import World
from tests.postgres import SKIPPED, server_url

# Twenty runs in all, in pieces that several test processes play side by side.
PIECES = 2
RUNS = 5


@pytest.mark.timeout(600)
@pytest.mark.parametrize("piece", range(PIECES))
@pytest.mark.parametrize("kind", KINDS)
def test_faults_at_random_moments_lose_nothing_and_leave_nothing_behind(
    tmp_path: Path, kind: str, piece: int
) -> None:
    if kind == POSTGRESQL and server_url() is None:
        pytest.skip(SKIPPED)
    # The seed is shown by a failure, and repeats the run: make faults RUNS=1 SEED=...
    first = random.SystemRandom().randrange(10**6)
    with World(tmp_path, kind) as world:
        for seed in range(first, first + RUNS):
            outcome = play(world, seed)
            assert not outcome.problems, story(outcome)
