"""What clients saw of a site, judged: times, answers of error, and what is left of acknowledged writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

LONGEST_SECONDS = 2.0
# A database that is away is 503 within 10 s; the rest is what any request may take.
LONGEST_WITHOUT_DATABASE = 10.0 + LONGEST_SECONDS
# Seconds after which the site is as it was, once it has its database again.
RECOVERY_SECONDS = 5.0
UNAVAILABLE = 503


@dataclass(frozen=True)
class Verdict:
    """One limit, and whether it was met."""

    what: str
    measured: str
    met: bool

    def __str__(self) -> str:
        return f"{'met   ' if self.met else 'MISSED'}  {self.what}: {self.measured}"


@dataclass(frozen=True)
class Answer:
    """One answer: when it was asked for and how long it took, in seconds, and what it says."""

    asked: float
    took: float
    request: str
    status: int
    text: str = ""
    retry_after: str | None = None


@dataclass
class Tally:
    """What one client saw."""

    answers: list[Answer] = field(default_factory=list)
    # Requests that got no answer, and why.
    unanswered: list[str] = field(default_factory=list)
    # Subcloud → the location that was acknowledged last, and those that were tried after it, and were not.
    acknowledged: dict[int, str] = field(default_factory=dict)
    tried: dict[int, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outage:
    """When the site had no database, on the clock of the answers."""

    began: float
    ended: float

    def touches(self, answer: Answer) -> bool:
        """Whether the request was under way in it, or while the site recovered."""
        return answer.asked <= self.ended + RECOVERY_SECONDS and answer.asked + answer.took >= self.began


def judge_answers(tallies: Iterable[Tally], outage: Outage) -> list[Verdict]:
    """Whether each request got the answer that it deserves, in time; without a database that is 503."""
    kept = list(tallies)
    answers = [answer for tally in kept for answer in tally.answers]
    within = [answer for answer in answers if outage.touches(answer)]
    beside = [answer for answer in answers if not outage.touches(answer)]
    broken = Counter(answer.status for answer in answers if answer.status >= 500)
    wrong = len(failures(kept, outage))
    return [
        Verdict("no answer 5xx but 503", f"5xx {dict(broken)}", set(broken) <= {UNAVAILABLE}),
        Verdict("no request without the answer that it deserves", str(wrong), not wrong),
        _in_time("no request above {:g} s", beside, LONGEST_SECONDS),
        _in_time("none above {:g} s around the outage", within, LONGEST_WITHOUT_DATABASE),
        _was_felt(within, outage),
    ]


def _was_felt(answers: list[Answer], outage: Outage) -> Verdict:
    """An outage that no request noticed shows nothing; a short one is waited for."""
    refused = sum(answer.status == UNAVAILABLE for answer in answers)
    waited = sum(answer.took >= (outage.ended - outage.began) / 2 for answer in answers)
    return Verdict("the outage was felt", f"{refused} answers 503, {waited} waited", refused + waited > 0)


def _in_time(what: str, answers: list[Answer], limit: float) -> Verdict:
    slowest = max((answer.took for answer in answers), default=0.0)
    return Verdict(what.format(limit), f"{slowest:.2f} s", slowest <= limit)


def failures(tallies: Iterable[Tally], outage: Outage) -> list[str]:
    """What is not as it should be, a line for each request."""
    lines = []
    for tally in tallies:
        lines += tally.unanswered
        lines += [
            f"{answer.request}: {answer.status} after {answer.took:.2f} s,"
            f" {answer.asked - outage.began:+.2f} s from the outage, {answer.text}"
            for answer in tally.answers
            if answer.status >= 400 and not _is_due(answer, outage)
        ]
    return lines


def _is_due(answer: Answer, outage: Outage) -> bool:
    """Whether the error is what a site without its database owes: 503, and when to come again."""
    return answer.status == UNAVAILABLE and answer.retry_after is not None and outage.touches(answer)


def judge_writes(tallies: Iterable[Tally], there: Mapping[int, object]) -> Verdict:
    """Whether what was acknowledged is there, or what the same client tried to write after it.

    ``there`` is the location of each subcloud, read when nobody writes any more.
    """
    number, lost = 0, 0
    for tally in tallies:
        for key, text in tally.acknowledged.items():
            number += 1
            lost += there.get(key) not in [text, *tally.tried.get(key, [])]
    what = "every acknowledged write is there"
    return Verdict(what, f"{number} subclouds written, {lost} lost", number > 0 and not lost)
