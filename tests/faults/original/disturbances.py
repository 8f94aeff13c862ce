"""What goes wrong beside an original: what befalls any two sites, and a stand-in that dies."""

from __future__ import annotations

import random

from tests.faults import disturbances
from tests.faults.disturbances import DOWN_SECONDS
from tests.faults.original.session import OriginalSession
from tests.faults.pace import paced_range
from tests.faults.posing import pose_as_site
from tests.faults.troubles import Reset

# Long enough for either site to declare the other one unavailable.
PARTED_SECONDS = paced_range(1.0, 6.0)


def kill_original(session: OriginalSession, chance: random.Random) -> None:
    world = session.world
    session.say("O is killed")
    session.o_was_killed = True
    world.o.kill()
    session.over.wait(chance.uniform(*chance.choice((DOWN_SECONDS, PARTED_SECONDS))))
    world.o.start()
    session.say("O is back")


def part(session: OriginalSession, chance: random.Random) -> None:
    """No request arrives any more, at one of the two or at both."""
    world, seconds = session.world, chance.uniform(*PARTED_SECONDS)
    wires = chance.choice(((world.to_d,), (world.to_o,), (world.to_d, world.to_o), (world.to_d, world.to_o)))
    names = [name for name, wire in world.told_wires.items() if wire in wires]
    session.say(f"nothing arrives at {names} for {seconds:.1f} s")
    troubles = {wire: Reset(after_arrival=False, share=1.0) for wire in wires}
    for wire, trouble in troubles.items():
        wire.befall(trouble)
    session.over.wait(seconds)
    for wire, trouble in troubles.items():
        if wire.trouble is trouble:
            wire.lift()
    session.say(f"requests arrive at {names} again")


DISTURBANCES = {
    disturbances.trouble_on_the_wire: 8,
    part: 4,
    disturbances.cut_connections: 1,
    kill_original: 5,
    disturbances.kill_site: 4,
    disturbances.kill_worker: 3,
    disturbances.kill_master: 1,
    disturbances.stop_worker: 2,
    disturbances.stop_master: 1,
    disturbances.disturb_database: 3,
    pose_as_site: 3,
}
