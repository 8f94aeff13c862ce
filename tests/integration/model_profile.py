"""How the tests play that make up whole stories: how many, and the same ones each time unless asked."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings


def examples_or(default: int) -> int:
    """How many stories to play: ``DCAPI_MODEL_EXAMPLES``, or so many."""
    return int(os.environ.get("DCAPI_MODEL_EXAMPLES", default))


def profile_of(examples: int) -> settings:
    """Stories of 40 steps, new ones each time where ``DCAPI_MODEL_RANDOM`` is set."""
    return settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        derandomize="DCAPI_MODEL_RANDOM" not in os.environ,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
