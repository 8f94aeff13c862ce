"""What is sent to a peer about one subcloud, and the form that carries it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import yaml

from dcapi.models.secret_values import is_masked, secret_texts

# Name of a part, then its file name (None for a text part) and content.
Form = list[tuple[str, tuple[str | None, bytes]]]

# Parts of the PATCH by which a site that takes a group over asks another one to give a subcloud away.
CEDING_FORM: Form = [("management-state", (None, b"unmanaged")), ("migrate", (None, b"true"))]
# The same for one that is unmanaged there already.
CEDING_UNMANAGED_FORM: Form = [("migrate", (None, b"true"))]


@dataclass(frozen=True)
class SubcloudPayload:
    """A member as a peer gets it; None means that the form leaves the field out, "" that it empties it."""

    name: str
    region_name: str
    description: str | None = None
    location: str | None = None
    release: str | None = None
    bootstrap_values: dict[str, Any] | None = field(default=None, repr=False)
    bootstrap_address: str | None = None
    install_values: dict[str, Any] | None = field(default=None, repr=False)
    # Reference of a group there, or "none" to leave it. Sent in updates alone: a creation takes no group.
    peer_group: str | None = None

    def creation_form(self) -> Form:
        """Parts of the POST that creates a secondary subcloud."""
        texts = {
            "secondary": "true",
            "name": self.name,
            "region_name": self.region_name,
            "bootstrap-address": self.bootstrap_address,
        }
        return _form(self._files(), texts | self._common_texts())

    def update_form(self) -> Form:
        """Parts of the PATCH of a subcloud there; the name is left out, it would be a rename."""
        texts = {"bootstrap_address": self.bootstrap_address, "peer_group": self.peer_group}
        return _form(self._files(), texts | self._common_texts())

    def secrets(self) -> list[str]:
        """What a peer that repeats what it was sent must not bring into a message, encoded or not."""
        return secrets_in(self.bootstrap_values, self.install_values)

    def _files(self) -> dict[str, dict[str, Any] | None]:
        return {"bootstrap_values": self.bootstrap_values, "install_values": self.install_values}

    def _common_texts(self) -> dict[str, str | None]:
        return {"description": self.description, "location": self.location, "release": self.release}


def secrets_in(*values: dict[str, Any] | None) -> list[str]:
    """What a text about these values must not hold, encoded or not."""
    texts = [text for each in values for text in secret_texts(each) if not is_masked(text)]
    decoded = [plain for text in texts if (plain := _decoded(text))]
    return [text for text in texts + decoded if text]


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return ""


class _PlainDumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes a value that stands twice twice: readers are right to refuse aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _form(files: dict[str, dict[str, Any] | None], texts: dict[str, str | None]) -> Form:
    parts: Form = [
        (name, (f"{name}.yaml", to_yaml(values))) for name, values in files.items() if values is not None
    ]
    for name, text in texts.items():
        if text is not None:
            parts.append((name, (None, text.encode("utf-8"))))
    return parts


def to_yaml(values: dict[str, Any]) -> bytes:
    """Values as YAML that reads back the same.

    Not JSON: YAML 1.1 readers take ``1e+20`` for a text, and fold the line separators that JSON leaves bare.
    """
    document = yaml.dump(values, Dumper=_PlainDumper, allow_unicode=True, sort_keys=False, encoding="utf-8")
    return bytes(document)
