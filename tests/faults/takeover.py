"""B's copy is taken over by another site, and the operator at A goes on as if nothing had happened."""

from __future__ import annotations

import random
import threading

from tests.faults.disturbances import take_over_group
from tests.faults.operations import change_attribute, change_member, change_priority, sync
from tests.faults.pace import paced_range
from tests.faults.session import Session

PAUSE_SECONDS = paced_range(0, 0.4)


def work_under_another_leader(session: Session, chance: random.Random) -> None:
    """Change members and attributes and ask for syncs while another site leads the copy."""
    group_id = chance.choice(session.groups)
    other = threading.Thread(target=take_over_group, args=(session, random.Random(chance.random()), group_id))
    other.start()
    session.over.wait(0.2)
    for _ in range(chance.randrange(2, 5)):
        chance.choice((change_member, change_attribute, change_priority))(session, chance)
        sync(session, group_id)
        session.over.wait(chance.uniform(*PAUSE_SECONDS))
    other.join()
