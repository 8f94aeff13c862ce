"""Bootstrap values: what makes a system out of a node. Here is judged what they are, not whether they fit.

Source: the required fields of a subcloud, and ``admin_password``, in the wire contract.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from dcapi.errors import BadRequest
from dcapi.models.network_values import ADDRESS_KEYS, SUBNET_KEYS, check_forms
from dcapi.models.secret_values import is_masked
from dcapi.services import subcloud_networks

Values = dict[str, Any]

SYSTEM_MODES = ("simplex", "duplex", "duplex-direct")
ADMIN_PASSWORD = "admin_password"  # noqa: S105 (a name, no password)

# Keys of the values that a form may hold as texts of their own; those win over the file.
FORM_KEYS = ("system_mode", "name", *SUBNET_KEYS, *ADDRESS_KEYS)


def merged(values: Values, texts: Mapping[str, str]) -> Values:
    """The values of the file, with those that the form names beside it."""
    return {**values, **{key: texts[key] for key in FORM_KEYS if texts.get(key)}}


def check_new(values: Values) -> None:
    """Raises BadRequest unless everything is there that a subcloud needs, in its form."""
    mode = values.get("system_mode")
    if mode in (None, ""):
        raise BadRequest("system_mode required")
    if mode not in SYSTEM_MODES:
        raise BadRequest(f"system_mode invalid: must be one of {', '.join(SYSTEM_MODES)}")
    subcloud_networks.check_required(values)
    check_forms(values)


def check_changed(values: Values) -> None:
    """Raises BadRequest when values that replace others are none, or hold something in a wrong form."""
    if not values:
        raise BadRequest("Invalid bootstrap_values: must not be empty")
    check_forms(values)


def kept_form(values: Values, *, from_peer: bool) -> Values:
    """The values as they are kept: ``admin_password`` in base64, which is how other sites send it already.

    A mask stays one: it stands for what is stored."""
    password = values.get(ADMIN_PASSWORD)
    if password is None or from_peer or is_masked(password):
        return values
    if not isinstance(password, str):
        raise BadRequest(f"{ADMIN_PASSWORD} invalid: must be a text (put it into quotes)")
    return {**values, ADMIN_PASSWORD: base64.b64encode(password.encode()).decode()}
