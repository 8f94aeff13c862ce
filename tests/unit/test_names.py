"""The names of the tests themselves, which have to be the same in each process that runs them."""

from __future__ import annotations

import pytest

# How a name shows the first bytes of a zip with something in it.
ZIP = r"PK\x03\x04\x14"


def test_no_test_is_named_by_the_content_of_an_archive(request: pytest.FixtureRequest) -> None:
    names = [item.nodeid for item in request.session.items]
    assert [name for name in names if ZIP in name] == []
