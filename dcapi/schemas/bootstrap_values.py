"""Bootstrap values: what makes a system out of a node. Here is judged what they are, not whether they fit.

Source: the required fields of a subcloud, and ``admin_password``, in the wire contract.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from dcapi.errors import BadRequest
from dcapi.models import network_values
from dcapi.models.secret_values import is_masked

Values = dict[str, Any]

ADMIN_PASSWORD = "admin_password"  # noqa: S105 (a name, no password)

# Keys of the values that a form may hold as texts of their own; those win over the file.
FORM_KEYS = ("system_mode", "name", *network_values.FORM_KEYS)


def merged(values: Values, texts: Mapping[str, str]) -> Values:
    """The values of the file, with those that the form names beside it."""
    return {**values, **{key: texts[key] for key in FORM_KEYS if texts.get(key)}}


def kept_form(values: Values, *, from_peer: bool) -> Values:
    """The values as they are kept: ``admin_password`` in base64, which is how other sites send it already.

    A mask stays one: it stands for what is stored."""
    password = values.get(ADMIN_PASSWORD)
    if password is None or from_peer or is_masked(password):
        return values
    if not isinstance(password, str):
        raise BadRequest(f"{ADMIN_PASSWORD} invalid: must be a text")
    return {**values, ADMIN_PASSWORD: base64.b64encode(password.encode()).decode()}
