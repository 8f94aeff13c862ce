"""The id of a request: in every answer, and in every line of the log that the request causes."""

from __future__ import annotations

import uuid

from flask import Flask
from flask.wrappers import Response

from dcapi.log import request_id

HEADER = "X-Openstack-Request-Id"


def register(app: Flask) -> None:
    """Give each request an id of its own; one that the client sends is not trusted to be one."""
    app.before_request(_begin)
    app.after_request(_show)
    app.teardown_request(_end)


def _begin() -> None:
    request_id.set(f"req-{uuid.uuid4()}")


def _end(_error: BaseException | None) -> None:
    """What this thread does between two requests belongs to neither."""
    request_id.set("")


def _show(response: Response) -> Response:
    response.headers[HEADER] = request_id.get()
    return response
