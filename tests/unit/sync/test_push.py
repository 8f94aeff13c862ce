"""What a push says of members that could not be made equal."""

from __future__ import annotations

import logging
from unittest.mock import create_autospec

import pytest

from dcapi.peers.port import PeerPort
from dcapi.peers.texts import LONGEST_TEXT
from dcapi.sync.run.push import PushResult, push
from dcapi.sync.values.plan import make_plan
from tests.unit.sync.builders import copy_of, member


def test_a_status_of_a_million_characters_is_cut_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    wanted, outcome = member(), PushResult()
    peer = create_autospec(PeerPort, instance=True)
    peer.update_subcloud.return_value = copy_of(wanted, deploy_status="odd\n" * 250_000)
    with caplog.at_level(logging.WARNING):
        push(peer, 3, make_plan([wanted], [copy_of(wanted)], {}), 1, outcome, lambda _done, _total: None)
    assert outcome.failures[wanted.name].startswith("its copy is odd odd")
    assert len(outcome.failures[wanted.name]) <= LONGEST_TEXT
    assert len(caplog.text) < 2 * LONGEST_TEXT
