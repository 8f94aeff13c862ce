"""JSON for Flask through orjson, which writes long lists an order of magnitude faster."""

from __future__ import annotations

import json
from typing import Any

import orjson
from flask.json.provider import DefaultJSONProvider
from flask.wrappers import Response


class OrjsonProvider(DefaultJSONProvider):
    """Flask's JSON provider on orjson.

    What orjson has no form for (whole numbers beyond 64 bits, halves of surrogate pairs, keys that are no
    text) goes through the standard library.
    """

    def dump_bytes(self, value: Any) -> bytes:
        """JSON in UTF-8; raises TypeError for a value that JSON has no word for."""
        try:
            return orjson.dumps(value, default=self.default)
        except TypeError:
            return json.dumps(value, default=self.default, separators=(",", ":")).encode()

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """JSON as text; with options for the standard library, by the standard library."""
        return super().dumps(obj, **kwargs) if kwargs else self.dump_bytes(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """A value from JSON; raises ValueError when it is none."""
        return json.loads(s, **kwargs) if kwargs else orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """An answer with a JSON body."""
        value = self._prepare_response_obj(args, kwargs)
        return Response(self.dump_bytes(value) + b"\n", mimetype=self.mimetype)
