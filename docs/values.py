"""What bootstrap and install values may hold: tables made of the schemas that judge them, and samples."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from dcapi.deploy.playbooks.names import ANSIBLE_PREFIXES, INTERNAL_NAMES, OWN_NAMES, RESERVED_NAMES
from dcapi.models.bootstrap_forms import SYSTEM_MODES
from dcapi.models.network_values import (
    ADMIN_KEYS,
    MANAGEMENT_GATEWAY,
    REQUIRED_KEYS,
    SHORTEST_IPV6_PREFIX,
)
from dcapi.models.secret_table import is_secret_key
from dcapi.schemas import fields
from dcapi.schemas.bootstrap_values import ADMIN_PASSWORD, FORM_KEYS
from dcapi.schemas.fields import Checked
from dcapi.schemas.install_values import (
    LARGEST,
    NETWORK_NEEDS,
    PASSWORD_KEY,
    Amount,
    Filled,
    InstallValuesSchema,
)
from dcapi.schemas.subclouds import GroupReference, NewSubcloudSchema, RegionName, Release
from dcapi.services.inventory.installation import RELEASE_KEY
from dcapi.services.inventory.stored_values import NEVER_STORED
from dcapi.sync.values.member import ADDRESS_KEY

# Characters of a line of a page.
PAGE_WIDTH = 120
HEAD = ("Key", "Needed", "Must be", "What becomes of it")
Row = tuple[str, str, str, str]

SAMPLES = Path(__file__).resolve().parent / "samples"
# What there is a file of each kind of values for, in the order of the page.
SAMPLE_NAMES = ("ipv4", "ipv6", "dual-stack", "admin-network", "duplex")

A_SUBNET = f"subnet, as in `10.65.1.0/24`, with an IPv6 prefix of at least {SHORTEST_IPV6_PREFIX}; or two"
AN_ADDRESS = "IP address"
ANYTHING = "any value"


def _number(field: Any) -> str:
    if field.highest == LARGEST:
        return f"whole number of at least {field.lowest}"
    return f"whole number from {field.lowest} to {field.highest}"


# The kind of a field → what it takes, in words.
WORDS: dict[type[Checked], Callable[[Any], str]] = {
    Amount: _number,
    Filled: lambda _: "any value that is not empty",
    GroupReference: lambda _: "id or name of a subcloud group",
    RegionName: lambda _: "name",
    Release: lambda _: "release, as in `24.09`",
    fields.Base64Text: lambda _: "text in base64",
    fields.Boolean: lambda _: "`true` or `false`",
    fields.NamedAddress: lambda _: AN_ADDRESS,
    fields.PlainText: lambda field: f"text of at most {field.longest} characters",
    fields.SubcloudName: lambda _: "lower case letters, digits and hyphens, in segments joined by dots",
    fields.WholeNumber: _number,
}
# Keys whose field says less than is judged.
KEYS_IN_WORDS = {
    "cloud_init_config": "of an enrolment: kept until the node is enrolled, and handed to its deployer",
    "system_mode": ", ".join(f"`{mode}`" for mode in SYSTEM_MODES),
    "network_address": "makes a subnet of the bootstrap address's IP version, together with `network_mask`",
    "network_mask": "mask or prefix length",
}


def bootstrap_table() -> str:
    """Every key of bootstrap values that this site goes by."""
    judged = {field.data_key or name: field for name, field in _fields(NewSubcloudSchema())}
    rows = [_row(key, _bootstrap_need(key), _network_form(key)) for key in FORM_KEYS if key not in judged]
    rows += [_row(key, _bootstrap_need(key), _form(key, field)) for key, field in judged.items()]
    rows.append(_row(ADMIN_PASSWORD, "", "text; it is kept in base64"))
    rows += [_row(key, "", "text") for key in sorted(NEVER_STORED - judged.keys())]
    return _table([*rows, _others("given to playbooks")])


def install_table() -> str:
    """Every key of install values that this site goes by."""
    judged = {field.data_key or name: field for name, field in _fields(InstallValuesSchema())}
    rows = [_row(key, _install_need(key, field), _form(key, field)) for key, field in judged.items()]
    rows.append(_row(RELEASE_KEY, "", "the release that is installed; it is filled in where there is none"))
    rows.append((f"`{PASSWORD_KEY}`", "", ANYTHING, "ignored: that of the form is kept here, masked"))
    return _table([*rows, _others("given to the playbook of the phase `install`")])


def left_out_list() -> str:
    """The keys that become no variable of a playbook."""
    kinds = {
        f"keys that begin with {' or '.join(f'`{one}`' for one in reversed(ANSIBLE_PREFIXES))}": (),
        "names that ansible itself gives": INTERNAL_NAMES,
        "words of playbooks and templates": RESERVED_NAMES,
        "variables of this service": OWN_NAMES,
        "keys with other characters than ASCII letters, digits and `_`, or a digit at the beginning": (),
    }
    return "\n".join(_kind(words, names) for words, names in kinds.items())


def _kind(words: str, names: Iterable[str]) -> str:
    listed = ", ".join(f"`{name}`" for name in sorted(names))
    return textwrap.fill(
        f"- {words}: {listed}" if listed else f"- {words}", PAGE_WIDTH, subsequent_indent="  "
    )


def samples() -> str:
    """The text of every sample."""
    return "\n\n".join(
        f"### `{path.name}`\n\n```yaml\n{path.read_text().strip()}\n```" for path in sample_files()
    )


def sample_files() -> Iterator[Path]:
    """The samples: of each kind the bootstrap values, then the install values."""
    for name in SAMPLE_NAMES:
        yield SAMPLES / f"bootstrap-{name}.yaml"
        yield SAMPLES / f"install-{name}.yaml"


def _fields(schema: Any) -> Iterable[tuple[str, Checked]]:
    found: Iterable[tuple[str, Checked]] = schema.load_fields.items()
    return found


def _form(key: str, field: Checked) -> str:
    """What a field takes; raises KeyError for a kind of field that has no words."""
    if key in KEYS_IN_WORDS:
        return KEYS_IN_WORDS[key]
    kind = next(kind for kind in type(field).__mro__ if kind in WORDS or kind is Checked)
    return WORDS[kind](field)


def _network_form(key: str) -> str:
    if key in KEYS_IN_WORDS:
        return KEYS_IN_WORDS[key]
    return A_SUBNET if key.endswith("subnet") else f"{AN_ADDRESS}, or two"


def _bootstrap_need(key: str) -> str:
    if key in ("system_mode", "name", *REQUIRED_KEYS):
        return "yes"
    if key == MANAGEMENT_GATEWAY:
        return "without an admin network"
    return "all four or none" if key in ADMIN_KEYS else ""


def _install_need(key: str, field: Checked) -> str:
    if field.required:
        return "yes"
    return "with `network_address`" if key in NETWORK_NEEDS else ""


def _row(key: str, need: str, form: str) -> Row:
    return f"`{key}`", need, form, _fate(key)


def _fate(key: str) -> str:
    """What this site does with a key that it reads."""
    if key in NEVER_STORED:
        return "read, not kept"
    if key == "region_name":
        return "ignored, and one is made; read with `secondary` and from another site"
    if key == ADDRESS_KEY:
        return "read, kept as the bootstrap address"
    return "read, kept, masked" if is_secret_key(key) else "read, kept"


def _others(given: str) -> Row:
    return "any other key", "", ANYTHING, f"kept, {given}; masked where it is a secret"


def _table(rows: Iterable[Row]) -> str:
    lines = [HEAD, ("---",) * len(HEAD), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
