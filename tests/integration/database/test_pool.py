"""The connections of a worker: enough for all its threads, few while it is idle."""

from __future__ import annotations

from contextlib import ExitStack

from sqlalchemy import QueuePool

from dcapi.models.engine import KEPT_CONNECTIONS, most_connections
from dcapi.runtime import Runtime


def test_a_worker_that_had_much_to_do_keeps_few_connections(runtime: Runtime) -> None:
    wanted = min(3 * KEPT_CONNECTIONS, most_connections(runtime.settings))
    with ExitStack() as stack:
        sessions = [stack.enter_context(runtime.unit_of_work()) for _ in range(wanted)]
        engine = sessions[0].get_bind().engine
        held = [stack.enter_context(engine.connect()) for _ in sessions]
        assert len(held) == wanted > KEPT_CONNECTIONS
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedin() <= KEPT_CONNECTIONS
    assert pool.checkedout() == 0
