"""Who waits to hash a password, who is next, and who finds no room."""

from __future__ import annotations

from dcapi.auth.turns import Line, Waiter

PLACES = 3


def known(address: str = "home") -> Waiter:
    return Waiter(address, known=True)


def other(address: str) -> Waiter:
    return Waiter(address, known=False)


def joined(line: Line, *waiters: Waiter) -> None:
    for waiter in waiters:
        assert line.join(waiter) == (True, None)


def drained(line: Line) -> list[Waiter]:
    """Everybody, in the order of their turns."""
    found = []
    while (waiter := line.next_one(known_alone=False)) is not None:
        found.append(waiter)
    return found


def test_nobody_is_next_in_an_empty_line() -> None:
    assert Line(PLACES).next_one(known_alone=False) is None


def test_addresses_take_turns_and_each_keeps_its_order() -> None:
    line = Line(9)
    a1, a2, a3, b1, c1, b2 = (other(name) for name in "aaabcb")
    joined(line, a1, a2, a3, b1, c1, b2)
    assert drained(line) == [a1, b1, c1, a2, b2, a3]


def test_who_is_known_comes_first_in_the_order_of_coming() -> None:
    line = Line(9)
    a, k1, b, k2 = other("a"), known("z"), other("b"), known("y")
    joined(line, a, k1, b, k2)
    assert drained(line) == [k1, k2, a, b]


def test_a_place_for_the_known_goes_to_nobody_else() -> None:
    line = Line(PLACES)
    joined(line, other("a"))
    assert line.next_one(known_alone=True) is None
    mine = known()
    joined(line, mine)
    assert line.next_one(known_alone=True) is mine
    assert len(line) == 1


def test_where_all_wait_as_often_a_newcomer_finds_no_room() -> None:
    line = Line(PLACES)
    waiting = [other(name) for name in "abc"]
    joined(line, *waiting)
    assert [line.join(other(name)) for name in "da"] == [(False, None)] * 2
    assert drained(line) == waiting


def test_an_address_of_which_many_wait_gives_way_to_another() -> None:
    line = Line(PLACES)
    waiting = [other("a") for _ in range(PLACES)]
    joined(line, *waiting)
    newcomer = other("b")
    assert line.join(newcomer) == (True, waiting[-1])
    assert line.join(other("b")) == (False, None)
    assert line.join(other("a")) == (False, None)
    assert drained(line) == [waiting[0], newcomer, waiting[1]]


def test_the_known_have_places_of_their_own_and_then_those_of_others() -> None:
    line = Line(PLACES)
    others = [other(name) for name in "aab"]
    mine = [known() for _ in range(2 * PLACES)]
    joined(line, *others, *mine[:PLACES])
    left = [line.join(waiter) for waiter in mine[PLACES:]]
    assert left == [(True, others[1]), (True, others[0]), (True, others[2])]
    assert [line.join(waiter) for waiter in (known(), other("c"))] == [(False, None)] * 2
    assert drained(line) == mine


def test_who_leaves_is_not_called_and_makes_room() -> None:
    line = Line(1)
    gone, mine = other("a"), known()
    joined(line, gone, mine)
    for waiter in (gone, mine, gone):
        line.leave(waiter)
    assert len(line) == 0
    stays = other("b")
    joined(line, stays)
    assert drained(line) == [stays]
