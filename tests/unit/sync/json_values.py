"""JSON values as two sites hold them: of few keys and leaves, so that many are equal, and their variants."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import strategies as st

from dcapi.models.secret_values import is_masked

PASSWORD = base64.b64encode(b"Bollard*7").decode()
PASSWORDS = [PASSWORD, base64.b64encode(PASSWORD.encode()).decode(), "Bollard*7", "other", "fd01::1", "***"]
LEAVES = [
    *(None, True, False, 1, 1.0, 0, 2.5, "", "1", "True", "rack"),
    *("fd01::1", "FD01:0::1", "FD01:0::/64", "fd01::/64", "10.0.0.1"),
    *("http://user:word@proxy", "http://user:else@proxy", "***", "******"),
]
KEYS = ["a", "b", "subnet"]
SECRET_KEYS = ["admin_password", "password"]

plain = st.sampled_from(LEAVES)
# What stands under a secret key is one secret, an object too.
secrets = st.one_of(
    st.sampled_from([*PASSWORDS, None, "******"]),
    st.fixed_dictionaries({"user": st.sampled_from(PASSWORDS)}),
)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda some, hidden: {**some, **hidden},
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
        st.dictionaries(st.sampled_from(SECRET_KEYS), secrets, max_size=1),
    )


values = st.recursive(
    plain, lambda inner: st.one_of(_objects(inner), st.lists(inner, max_size=3)), max_leaves=6
)
objects = _objects(values)


@st.composite
def variants(draw: st.DrawFn, value: Any, key: str = "") -> Any:
    """The value with some of what is in it written in another way, hidden, changed, added or left out."""
    turn = draw(st.integers(0, 9))
    if turn == 0:
        return draw(secrets if key in SECRET_KEYS else values)
    if key in SECRET_KEYS:
        return draw(st.sampled_from([value, value, "***", *PASSWORDS]))
    if isinstance(value, dict):
        more = draw(_objects(plain)) if turn == 1 else {}
        kept = {name: inner for name, inner in value.items() if draw(st.integers(0, 9))}
        return {**more, **{name: draw(variants(inner, name)) for name, inner in kept.items()}}
    if isinstance(value, list):
        kept_items = value[1:] if turn == 1 else value
        return [draw(variants(inner)) for inner in kept_items]
    return draw(st.sampled_from([value, value, value, *LEAVES]))


@st.composite
def triples(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What is here, what was sent and what is there, of one member."""
    base = draw(objects)
    sides = st.one_of(st.just(base), variants(base).filter(lambda value: isinstance(value, dict)))
    return draw(sides), draw(sides), draw(sides)


def has_masks(value: Any) -> bool:
    """Whether a mask stands anywhere in a value."""
    if isinstance(value, dict | list):
        return any(map(has_masks, value.values() if isinstance(value, dict) else value))
    return is_masked(value)
