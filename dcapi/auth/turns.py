"""Who may hash a password now: a hash takes a core for a tenth of a second, and anybody may ask for one.

At most one less than there are cores run at once in a process, so that one stays for everything else. Who
comes then waits, and holds a request thread meanwhile: so only a share of them may wait.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dcapi.errors import TooManyRequests

# Seconds that a login waits for its turn: sites that call this one give up at ten.
PATIENCE = 8.0
RETRY_AFTER = 1
TOO_MANY = f"Too many logins at once: try again in {RETRY_AFTER} s"


@dataclass(eq=False)
class Waiter:
    """A login that waits: from where, and whether its user has logged in from there before."""

    address: str
    known: bool
    # Set when it may go on, or need not wait any more: ``admitted`` tells which.
    called: threading.Event = field(default_factory=threading.Event)
    admitted: bool = False


class Line:
    """Who waits, and who is next: those who are known in the order in which they came, then the others by
    address in turn.

    Of the others at most ``places`` wait, and where there is no room for one more, an address gives way to
    one of which fewer wait, and any to one who is known. For those as many places are kept besides.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._known: deque[Waiter] = deque()
        # Address → its waiters; the first address is the next one whose turn it is.
        self._others: OrderedDict[str, deque[Waiter]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known) + self._count_of_others()

    def join(self, waiter: Waiter) -> tuple[bool, Waiter | None]:
        """Whether there is room for this one, and who has to leave for it."""
        left = None
        if self._is_full_for(waiter):
            # An address gives way to one of which two less wait, or to one who is known.
            mine = len(self._others.get(waiter.address, ()))
            left = self._leaver(least=1 if waiter.known else mine + 2)
            if left is None:
                return False, None
        if waiter.known:
            self._known.append(waiter)
        else:
            self._others.setdefault(waiter.address, deque()).append(waiter)
        return True, left

    def _is_full_for(self, waiter: Waiter) -> bool:
        full = len(self) >= 2 * self._places
        return full or (not waiter.known and self._count_of_others() >= self._places)

    def leave(self, waiter: Waiter) -> None:
        """Take one out who waits no more; one who is not in the line is none of its business."""
        if waiter in self._known:
            self._known.remove(waiter)
        mine = self._others.get(waiter.address, deque())
        if waiter in mine:
            mine.remove(waiter)
            if not mine:
                del self._others[waiter.address]

    def next_one(self, *, known_alone: bool) -> Waiter | None:
        """Take out whose turn it is, if there is anybody."""
        if self._known:
            return self._known.popleft()
        if known_alone or not self._others:
            return None
        address, mine = self._others.popitem(last=False)
        waiter = mine.popleft()
        if mine:
            self._others[address] = mine
        return waiter

    def _count_of_others(self) -> int:
        return sum(map(len, self._others.values()))

    def _leaver(self, least: int) -> Waiter | None:
        """Who came last of the address of which most wait, at least so many; taken out of the line."""
        most = max(self._others.values(), key=len, default=deque[Waiter]())
        if len(most) < least:
            return None
        waiter = most[-1]
        self.leave(waiter)
        return waiter


class Turns:
    """Lets logins of this process hash a password in turn."""

    def __init__(self, places: int, slots: int | None = None, patience: float = PATIENCE) -> None:
        """``places``: how many may wait; ``slots``: how many hash at once (one less than there are cores);
        ``patience``: seconds that one waits."""
        self.slots = slots or max(1, (os.cpu_count() or 1) - 1)
        self._patience = patience
        self._line = Line(places)
        self._lock = threading.Lock()
        self.inside = 0

    def __len__(self) -> int:
        """How many wait."""
        with self._lock:
            return len(self._line)

    @contextmanager
    def turn(self, address: str, *, known: bool) -> Iterator[None]:
        """Hash inside of it; raises TooManyRequests when there is no room to wait, or it took too long.

        ``known``: the user has logged in from this address. These come first, and where several hash at once
        one place is kept for them.
        """
        waiter = Waiter(address, known)
        self._join(waiter)
        waiter.called.wait(self._patience)
        with self._lock:
            self._line.leave(waiter)
            admitted = waiter.admitted
        if not admitted:
            raise TooManyRequests(TOO_MANY, retry_after=RETRY_AFTER)
        try:
            yield
        finally:
            with self._lock:
                self.inside -= 1
                self._call()

    def _join(self, waiter: Waiter) -> None:
        with self._lock:
            joined, left = self._line.join(waiter)
            for other in (left, None if joined else waiter):
                if other is not None:
                    other.called.set()
            self._call()

    def _call(self) -> None:
        """Admit as many as there is room for. Under the lock."""
        while self.inside < self.slots:
            kept = self.slots > 1 and self.inside == self.slots - 1
            waiter = self._line.next_one(known_alone=kept)
            if waiter is None:
                return
            self.inside += 1
            waiter.admitted = True
            waiter.called.set()
