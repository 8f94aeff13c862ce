"""The order in which a PATCH is judged, the same for every resource.

First the guard: who calls, and may they. Then the form of the body; then whether what the URL names is there;
then all that the request says. Source: "Bad input" in the wire contract.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Response
from sqlalchemy.orm import Session

from dcapi.api.request import runtime, session
from dcapi.errors import BadRequest
from dcapi.models.engine import read_only

Body = TypeVar("Body")

# Finds what a reference of a URL names; raises NotFound, and BadRequest for what can be none.
Find = Callable[[Session, str], object]

MARK = "dcapi_judged_in_order"


def judged_in_order(
    read: Callable[[], Body], find: Find
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Mark a view that takes a reference and what ``read`` makes of the body.

    What the view refuses is looked up before it is told so: of what is not there nothing else is said. Views
    and services need not keep that order, and a request that is taken is looked up only once.
    """

    def mark(view: Callable[..., Response]) -> Callable[..., Response]:
        @wraps(view)
        def judged(reference: str, **words: Any) -> Response:
            body = read()
            try:
                return view(reference, body, **words)
            except BadRequest:
                session().rollback()
                with runtime().unit_of_work() as look:
                    find(read_only(look), reference)
                raise

        setattr(judged, MARK, True)
        return judged

    return mark


def no_body() -> None:
    """For a PATCH whose body does not count, whatever it is."""
