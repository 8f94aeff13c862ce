"""Many want to know the same at once, and one finds out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from dcapi.jobs.shared_questions import SharedQuestions, in_background
from dcapi.lab.polling import wait_until

LONG = 20.0


class Peer:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = threading.Semaphore(0)
        self.says: int | None = None

    def find_out(self) -> int | None:
        self.asked += 1
        said = self.says
        self.answers.acquire()
        return said

    def was_asked(self, times: int) -> Callable[[], bool]:
        return lambda: self.asked == times


def test_all_who_ask_meanwhile_get_the_one_answer() -> None:
    questions, peer = SharedQuestions[int](), Peer()
    peer.says = 7
    with ThreadPoolExecutor(10) as pool:
        asking = [pool.submit(questions.ask, 1, peer.find_out, LONG) for _ in range(10)]
        wait_until("the question is asked", peer.was_asked(1))
        peer.answers.release(10)
        assert {one.result(LONG) for one in asking} == {7}
    assert peer.asked <= 2


def test_that_there_is_nothing_counts_only_for_who_asked_before() -> None:
    questions, peer = SharedQuestions[int](), Peer()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(questions.ask, 1, peer.find_out, LONG)
        wait_until("the question is asked", peer.was_asked(1))
        peer.says = 7
        second = pool.submit(questions.ask, 1, peer.find_out, LONG)
        time.sleep(0.2)  # nothing tells that it waits
        assert peer.asked == 1
        peer.answers.release()
        assert first.result(LONG) is None
        peer.answers.release()
        assert second.result(LONG) == 7
    assert peer.asked == 2


def test_who_has_no_more_time_is_told_nothing() -> None:
    questions, peer = SharedQuestions[int](), Peer()
    begun = time.monotonic()
    assert questions.ask(1, peer.find_out, 0.1) is None
    assert questions.ask(1, peer.find_out, 0.1) is None
    assert time.monotonic() - begun < LONG
    assert peer.asked == 1
    peer.answers.release()


def test_questions_about_different_things_do_not_wait_for_each_other() -> None:
    questions, peer = SharedQuestions[int](), Peer()
    assert questions.ask(1, peer.find_out, 0.1) is None
    assert questions.ask(2, lambda: 8, LONG) == 8
    peer.answers.release()


def test_who_waits_gets_the_error_and_the_next_one_asks_anew() -> None:
    questions = SharedQuestions[int]()
    with pytest.raises(ZeroDivisionError):
        questions.ask(1, lambda: 1 // 0, LONG)
    assert questions.ask(1, partial(int, 8), LONG) == 8


def test_work_in_the_background_keeps_no_process_alive() -> None:
    inside = in_background(threading.current_thread).result(LONG)
    assert inside.daemon
