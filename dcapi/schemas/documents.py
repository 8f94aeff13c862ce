"""The documents in a form about a subcloud: bootstrap values, install values and a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcapi.errors import BadRequest
from dcapi.models.limits import TEXT_KEYS, with_texts
from dcapi.schemas import install_values
from dcapi.schemas.yaml_values import load_yaml
from dcapi.services.inventory.inputs import Enrolment

Values = dict[str, Any]


class Documents:
    """The documents in a form, each a file or a text."""

    def __init__(self, parts: Mapping[str, Any], *, limit: int) -> None:
        self._parts = parts
        self._limit = limit

    def mapping(self, name: str) -> Values | None:
        """The values that a YAML document holds, texts as they were written; None when it was not given."""
        content = self._parts.get(name)
        if content in (None, ""):
            return None
        return with_texts(load_yaml(content, name, max_length=self._limit, texts=TEXT_KEYS))

    def text(self, name: str) -> str | None:
        """A document that must be a file, as it is, of whatever form; None when it was not given."""
        content = self._parts.get(name)
        if not content:
            return None
        if not isinstance(content, bytes):
            raise BadRequest(f"Invalid {name}: must be a file")
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise BadRequest(f"Invalid {name}: not UTF-8 text") from error
        if "\0" in text or len(text) > self._limit:
            raise BadRequest(f"Invalid {name}: not text, or longer than {self._limit} characters")
        return text

    def install_values(
        self, bmc_password: str | None, *, checked: bool, enrolment: Enrolment | None = None
    ) -> Values | None:
        """Install values with their password, checked or as they are; None when they were not given.

        Those of an ``enrolment`` are always checked, by what it needs of them.
        """
        values = self.mapping("install_values")
        if values is None:
            return None
        if enrolment is not None:
            return install_values.check_enrolment_values(values, bmc_password, on_site=enrolment.on_site)
        if checked:
            return install_values.check_install_values(values, bmc_password)
        return install_values.with_password(values, bmc_password)
