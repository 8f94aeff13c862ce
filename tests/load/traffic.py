"""All clients that a busy site has at once."""

from __future__ import annotations

import threading
from collections import Counter

from tests.load.busy_site import BusySite
from tests.load.clients import Client
from tests.load.verdicts import Answer, Tally

CLIENTS = 16


class Traffic:
    """All clients, each with subclouds of its own."""

    def __init__(self, site: BusySite) -> None:
        self.ending = threading.Event()
        token = site.operator.log_in()
        ids = sorted(int(subcloud["id"]) for subcloud in site.operator.listed("subclouds"))
        self.clients = [
            Client(site.site.url, token, ids[number::CLIENTS], number, self.ending)
            for number in range(CLIENTS)
        ]

    def __enter__(self) -> Traffic:
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for client in self.clients:
            client.join()

    def tallies(self) -> list[Tally]:
        return [client.tally for client in self.clients]

    def slowest(self) -> list[Answer]:
        answers = (answer for tally in self.tallies() for answer in tally.answers)
        return sorted(answers, key=lambda answer: answer.took, reverse=True)

    def statuses(self) -> Counter[int]:
        return Counter(answer.status for tally in self.tallies() for answer in tally.answers)
