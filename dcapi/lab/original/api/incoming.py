"""One request that a site serves, as the views read it."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import yaml
from werkzeug.wrappers import Request

from dcapi.lab.operator import Json
from dcapi.lab.original.api.errors import RefusedError
from dcapi.lab.original.client import OTHER_SITE
from dcapi.lab.original.running import Running


class Incoming:
    """A request with what serves it."""

    def __init__(self, site: Running, request: Request) -> None:
        self.site = site
        self.life = site.life
        self.request = request

    @property
    def from_peer(self) -> bool:
        """Whether the caller says that it is another site."""
        return self.request.headers.get("User-Agent") == OTHER_SITE

    @cached_property
    def document(self) -> Json:
        """The body, an object of JSON; raises RefusedError."""
        try:
            document = json.loads(self.request.get_data())
        except ValueError:
            raise RefusedError(400, "Request body is malformed.") from None
        if not isinstance(document, dict):
            raise RefusedError(400, "Invalid request body format")
        if not document:
            raise RefusedError(400, "Body required")
        return document

    @cached_property
    def form(self) -> dict[str, str]:
        """The parts of a form, files and texts alike; raises RefusedError."""
        if self.request.mimetype != "multipart/form-data":
            raise RefusedError(400, "Request body is malformed.")
        files = {name: file.read().decode() for name, file in self.request.files.items()}
        if not files and not self.request.form:
            raise RefusedError(400, "Body required")
        return {**self.request.form.to_dict(), **files}

    def form_values(self, name: str) -> Json | None:
        """The values that a part bears as YAML; None without the part. Raises RefusedError."""
        if name not in self.form:
            return None
        try:
            values: Any = yaml.safe_load(self.form[name])
        except yaml.YAMLError:
            values = None
        if not isinstance(values, dict):
            raise RefusedError(400, f"{name} is malformed")
        return values


def noted_body(request: Request) -> Any:
    """The body of a request as the record shows it: a login's is left out."""
    if request.path.endswith("/auth/tokens"):
        return None
    if request.mimetype == "multipart/form-data":
        files = {name: file.read().decode(errors="replace") for name, file in request.files.items()}
        for file in request.files.values():
            file.seek(0)
        return {**request.form.to_dict(), **files}
    try:
        return json.loads(request.get_data()) if request.get_data() else None
    except ValueError:
        return request.get_data(as_text=True)
