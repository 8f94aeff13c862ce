"""Malformed requests about subclouds: forms with files, and the YAML inside of them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.integration.bad_input import world
from tests.integration.bad_input.calls import (
    BOUNDARY,
    FORM_TYPE,
    Case,
    File,
    Parts,
    Request,
    form_bytes,
    raw_part,
    yaml_file,
)
from tests.integration.bad_input.install_values import WRONG_INSTALL_VALUES
from tests.networks.form_cases import REQUIRED_KEYS
from tests.subcloud_forms import (
    ADDRESS,
    PASSWORD,
    admin_network,
    bootstrap_values,
    install_values,
)

TEN_KILOBYTES = "x" * 10_240
NO_UTF8 = base64.b64encode(b"\xff\xfe").decode()
A_FILE = File(b"a: 1")

Wrong = dict[str, str | bytes | File]

UNCLEAN: Wrong = {
    "a NUL": "a\0b",
    "a control character": "a\x1bb",
    "text turned around": "a\u202eb",
    "an isolate": "a\u2067b",
    "not UTF-8": b"a\xffb",
    "a file": A_FILE,
}
NO_TEXTS: Wrong = {**UNCLEAN, "10 kB": TEN_KILOBYTES}
# Of line breaks in such a text something is made; of other controls nothing is.
NO_LINES: Wrong = {**NO_TEXTS, "a tab": "a\tb", "a line break before a NUL": "a\n\0"}
NO_BASE64: Wrong = {
    **NO_TEXTS,
    "no base64": "harbour!",
    "base64 that is no UTF-8": NO_UTF8,
}
NO_BOOLEANS: Wrong = {**NO_TEXTS, "a number": "1", "another word": "maybe"}
NO_ADDRESSES: Wrong = {
    **NO_TEXTS,
    "a subnet": "10.0.0.0/8",
    "1e3": "1e3",
    "a number": "4294967297",
    "a host name": "quay",
}
NO_GROUPS: Wrong = {
    **NO_TEXTS,
    "unknown": "nowhere",
    "beyond 64 bits": str(2**64),
    "beyond 32 bits": str(2**31),
    "an unknown id": "999",
    "1e3": "1e3",
}
NO_NAMES: Wrong = {
    **NO_TEXTS,
    "a slash": "a/b",
    "upper case": "Quay",
    "digits": "123",
    "a pattern": "a*",
    "half a label": "a..b",
    "a site's own": "SystemController",
}

# What is wrong → a document that is refused whatever it is for.
YAML_DOCUMENTS: dict[str, bytes] = {
    "broken": b"a: [1",
    "a scalar": b"just a text",
    "a list": b"- a\n- b",
    "empty": b"",
    "two documents": b"a: 1\n---\nb: 2\n",
    "an alias bomb": b"a0: &a0 [x, x]\n"
    + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 12)),
    "an alias of itself": b"a: &a [*a]",
    "a Python tag": b"a: !!python/object/apply:os.system ['true']",
    "an unknown tag": b"a: !vault x",
    "a date": b"a: 2024-02-29",
    "a set": b"a: !!set {b, c}",
    "binary data": b"a: !!binary aGVq",
    "a key that is a number": b"7: a",
    "a key that is a list": b"? [a]\n: b",
    "a key that occurs twice": b"a: 1\na: 2",
    "a NaN": b"a: .nan",
    "a number beyond 64 bits": b"a: 99999999999999999999",
    "not UTF-8": b"a: \xff",
    "a NUL": b'a: "\\0"',
    "a control character": b"a: \x07",
    "half of a surrogate pair": b'a: "\\ud800"',
    "text turned around": "a: left \u202e right".encode(),
    "text turned around by an escape": b'a: "\\u202e"',
    "a key with an isolate": 'a: {"b\u2068c": 1}'.encode(),
    "lists nested 100,000 deep": b"a: " + b"[" * 100_000,
    "mappings nested 100,000 deep": b"a: " + b"{a: " * 100_000,
    "larger than a document may be": b"a: " + b"x" * 2**20,
}

# Wrong values inside of well-formed bootstrap values.
BOOTSTRAP_VALUES: dict[str, dict[str, Any]] = {
    "a name that is a number": {"name": 4711},
    "a site's own name": {"name": "regionone"},
    "a name that is a list": {"name": ["quay"]},
    "a name of digits": {"name": "123"},
    "a name with a slash": {"name": "a/b"},
    "a system mode that is a number": {"system_mode": 1000.0},
    "an unknown system mode": {"system_mode": "triplex"},
    "a subnet that is true": {"management_subnet": True},
    "a subnet that is a number": {"management_subnet": 167772160},
    "a subnet that is an object": {"management_subnet": {"a": "b"}},
    "a subnet with a prefix beyond 32": {"management_subnet": "10.70.9.0/33"},
    "a start beyond its subnet": {"management_start_address": "10.99.0.1"},
    "an end before the start": {"management_end_address": "10.70.9.1"},
    "an address that is a list": {"management_gateway_address": ["10.70.9.1"]},
    "an address that is a number": {"external_oam_floating_address": 1},
    "a gateway with a NUL": {"systemcontroller_gateway_address": "10.69.0.1\0"},
    "a range of another subcloud": {
        "management_subnet": "10.70.0.0/16",
        "management_start_address": "10.70.1.2",
    },
    "two subnets of one version": {"management_subnet": "10.70.9.0/25,10.70.9.128/25"},
    "an empty part of an address": {"management_start_address": "10.70.9.2,"},
    "three addresses": {"external_oam_floating_address": "10.71.9.20,fd71::20,10.71.9.21"},
    "a gateway in ten kilobytes": {"systemcontroller_gateway_address": TEN_KILOBYTES},
    "both gateways": {**admin_network(9), "management_gateway_address": "10.70.9.1"},
    "a description that is a list": {"description": ["a"]},
    "a description of 10 kB": {"description": TEN_KILOBYTES},
    "a location with a tab": {"location": "a\tb"},
    "a location that is a list": {"location": ["a"]},
    "a password that is a list": {"admin_password": [1234]},
    "a group beyond 64 bits": {"group_id": str(2**64)},
}
REQUIRED_VALUES = ("name", *REQUIRED_KEYS)


@dataclass(frozen=True)
class FormCall:
    """A route that takes a form: what suffices for it, and wrong values of its parts."""

    route: str
    path: str
    enough: Parts
    # Part → (further parts that it needs, a good value, wrong ones)
    parts: Mapping[str, tuple[Parts, str | File, Mapping[str, str | bytes | File]]]
    name: str
    peer: bool = False

    def request(self, body: bytes, content_type: str | None = FORM_TYPE) -> Request:
        return Request(self.route.split()[0], self.path, body, content_type, self.peer)

    def case(self, what: str, bad: bytes, twin: bytes | None = None, code: int = 400, text: str = "") -> Case:
        good = form_bytes(self.enough) if twin is None else twin
        return Case(self.route, f"{self.name}: {what}", self.request(bad), self.request(good), code, text)

    def cases(self) -> Iterator[Case]:
        yield from self.part_cases()
        yield from self.body_cases()
        yield from self.type_cases()
        yield from self._yaml_cases()

    def part_cases(self) -> Iterator[Case]:
        for part, (more, good, wrong) in self.parts.items():
            base = {**self.enough, **more}
            for what, value in wrong.items():
                bad = form_bytes({**base, part: value})
                yield self.case(f"{part} is {what}", bad, form_bytes({**base, part: good}))

    def body_cases(self) -> Iterator[Case]:
        good = form_bytes(self.enough)
        first = next(iter(self.enough))
        many = form_bytes({f"part-{number}": "x" for number in range(10_000)})
        nameless = raw_part("Content-Disposition: form-data", b"x")
        yield self.case("no body", b"")
        yield self.case("no parts", f"--{BOUNDARY}--\r\n".encode(), text="Body required")
        yield self.case("truncated", good[:-10])
        yield self.case("cut in the middle", good[: len(good) // 2])
        yield self.case("another boundary", good.replace(BOUNDARY.encode(), b"ebb"))
        yield self.case("a part twice", form_bytes({first: self.enough[first]}, self.enough), text="twice")
        yield self.case("a part twice, as text and as file", form_bytes({"force": "x"}, {"force": A_FILE}))
        yield self.case("a part without a name", nameless + good)
        yield self.case("a part without a disposition", raw_part("Content-Type: text/plain", b"x") + good)
        yield self.case("a name that is not UTF-8", form_bytes({"a": "x"}).replace(b'"a"', b'"\xff"'))
        yield self.case("10,000 parts", many, code=413)
        yield self.case("a text of more than a document", form_bytes({"a": "x" * (2**20 + 1)}), code=413)
        yield self.case("too large", form_bytes({"a": File(b"x" * world.LARGEST_BODY)}), code=413)

    def type_cases(self) -> Iterator[Case]:
        good = form_bytes(self.enough)
        types = {
            "no content type": None,
            "JSON": "application/json",
            "a form without files": "application/x-www-form-urlencoded",
            "no boundary": "multipart/form-data",
            "an empty boundary": "multipart/form-data; boundary=",
            "mixed parts": f"multipart/mixed; boundary={BOUNDARY}",
        }
        for what, content_type in types.items():
            bad = self.request(good, content_type)
            text = "multipart/form-data"
            yield Case(self.route, f"{self.name}: {what}", bad, self.request(good), text=text)

    def _yaml_cases(self) -> Iterator[Case]:
        for what, document in YAML_DOCUMENTS.items():
            for part in ("bootstrap_values", "install_values"):
                bad = form_bytes({**self.enough, part: File(document)})
                yield self.case(f"{part} are {what}", bad)


NEW_VALUES = yaml_file(bootstrap_values(world.NEW))
NEW_PARTS: Parts = {
    "bootstrap_values": NEW_VALUES,
    "bootstrap-address": ADDRESS,
    "sysadmin_password": PASSWORD,
}
INSTALL: Parts = {"install_values": yaml_file(install_values())}

POST_PARTS: dict[str, Any] = {
    "bootstrap-address": ({}, ADDRESS, NO_ADDRESSES),
    "sysadmin_password": ({}, PASSWORD, NO_BASE64),
    "bmc_password": (INSTALL, PASSWORD, NO_BASE64),
    "group_id": ({}, str(world.COAST), NO_GROUPS),
    "release": ({}, "24.09", {**NO_TEXTS, "a slash": "24/09"}),
    "migrate": ({}, "false", NO_BOOLEANS),
    "secondary": ({}, "false", NO_BOOLEANS),
    "name": ({}, "quay-west", NO_NAMES),
    "location": ({}, "Åbo", NO_LINES),
    "description": ({}, "Quay\n9", NO_LINES),
    "enroll": ({}, "false", {**NO_BOOLEANS, "true": "true"}),
    "on_site": ({}, "false", {**NO_BOOLEANS, "true": "true"}),
    "cloud_init_config": ({}, "", {"a file": A_FILE, "a text": "a: 1"}),
    "deploy_config": (
        {},
        File(b"a: 1"),
        {"a text": "a: 1", "not UTF-8": File(b"\xff"), "a NUL": File(b"\0")},
    ),
}
PEER_NEW_PARTS: Parts = {
    "bootstrap_values": NEW_VALUES,
    "bootstrap-address": ADDRESS,
    "secondary": "true",
    "region_name": "quays-west",
}
PEER_POST_PARTS: dict[str, Any] = {
    "bootstrap-address": ({}, ADDRESS, NO_ADDRESSES),
    "group_id": ({}, str(world.COAST), NO_GROUPS),
    "name": ({}, "Quay_West", {**NO_TEXTS, "a slash": "a/b", "digits": "123", "a pattern": "a*"}),
    "region_name": ({}, "c" * 32, {**NO_TEXTS, "a slash": "a/b", "a site's own": "RegionOne"}),
    "secondary": ({}, "true", NO_BOOLEANS),
    "description": ({}, "Quay 9", NO_LINES),
}

PATCH_PARTS: dict[str, Any] = {
    "description": ({}, "Quay\r\n2", NO_LINES),
    "location": ({}, "Åbo", NO_LINES),
    "group_id": ({}, "coast", NO_GROUPS),
    "management-state": ({}, "unmanaged", {**NO_TEXTS, "another word": "tended"}),
    "force": ({"management-state": "managed"}, "true", NO_BOOLEANS),
    "peer_group": (
        {"bootstrap_values": yaml_file(bootstrap_values(2)), "bootstrap_address": ADDRESS},
        "loose",
        NO_GROUPS,
    ),
    "bootstrap_address": ({}, ADDRESS, NO_ADDRESSES),
    "bmc_password": (INSTALL, PASSWORD, NO_BASE64),
}
PEER_PATCH_PARTS: dict[str, Any] = {
    "description": ({}, "Quay 4", NO_LINES),
    "group_id": ({}, "coast", NO_GROUPS),
    "peer_group": ({}, "copied", NO_GROUPS),
    "bootstrap_address": ({}, ADDRESS, NO_ADDRESSES),
    "release": ({}, "25.03", {**NO_TEXTS, "a slash": "24/09"}),
}

# What counts of an operator's secondary one alone.
SECONDARY_POST_PARTS: dict[str, Any] = {
    "region_name": ({}, "c" * 32, {**NO_TEXTS, "a slash": "a/b", "a site's own": "systemcontroller"}),
}

CREATE = FormCall("POST /subclouds", "/subclouds", NEW_PARTS, POST_PARTS, "by the operator")
PEER_CREATE = FormCall(
    "POST /subclouds", "/subclouds", PEER_NEW_PARTS, PEER_POST_PARTS, "from another site", peer=True
)
CREATE_SECONDARY = FormCall(
    "POST /subclouds",
    "/subclouds",
    {**NEW_PARTS, "sysadmin_password": "no base64!", "secondary": "true"},
    SECONDARY_POST_PARTS,
    "a secondary one",
)
CHANGE = FormCall(
    "PATCH /subclouds/<reference>",
    f"/subclouds/{world.FREE}",
    {"description": "Quay 2"},
    {name: value for name, value in PATCH_PARTS.items() if name != "force"},
    "by the operator",
)
MANAGE = FormCall(
    "PATCH /subclouds/<reference>",
    f"/subclouds/{world.OFFLINE}",
    {"management-state": "managed"},
    {"force": PATCH_PARTS["force"]},
    "managing",
)
PEER_CHANGE = FormCall(
    "PATCH /subclouds/<reference>",
    "/subclouds/quays-north",
    {"description": "Quay 4"},
    PEER_PATCH_PARTS,
    "from another site",
    peer=True,
)


RENAME = FormCall(
    "PATCH /subclouds/<reference>", f"/subclouds/{world.OFFLINE}", {"name": "quay-west"}, {}, "a rename"
)
REDEPLOY = FormCall(
    "PATCH /subclouds/<reference>/redeploy",
    f"/subclouds/{world.OFFLINE}/redeploy",
    {
        "install_values": yaml_file(install_values()),
        "bmc_password": PASSWORD,
        "sysadmin_password": PASSWORD,
    },
    {
        "sysadmin_password": ({}, PASSWORD, NO_BASE64),
        "bmc_password": ({}, PASSWORD, NO_BASE64),
        "release": ({}, "25.09", {**NO_TEXTS, "a blank": "24 09"}),
        "bootstrap-address": ({}, ADDRESS, NO_ADDRESSES),
        "bootstrap_address": ({}, ADDRESS, NO_ADDRESSES),
        "description": ({}, "Quay\n3", NO_LINES),
        "location": ({}, "Åbo", NO_LINES),
    },
    "deploying again",
)


def _value_cases() -> Iterator[Case]:
    """Well-formed documents that hold something wrong."""
    missing = {f"no {key}": {key: None} for key in REQUIRED_VALUES}
    for call in (CREATE, PEER_CREATE):
        for what, changes in {**BOOTSTRAP_VALUES, **missing}.items():
            if call.peer and "password" in what:
                continue  # what another site sends there is kept as it is
            values = yaml_file(bootstrap_values(world.NEW, **changes))
            yield call.case(
                f"bootstrap values with {what}", form_bytes({**call.enough, "bootstrap_values": values})
            )
    for call in (CREATE, CHANGE, REDEPLOY):
        base = {**call.enough, "bmc_password": PASSWORD}
        twin = form_bytes({**base, **INSTALL})
        for what, install in WRONG_INSTALL_VALUES.items():
            bad = form_bytes({**base, "install_values": yaml_file(install)})
            yield call.case(f"install values with {what}", bad, twin)
        without = {name: part for name, part in base.items() if name != "bmc_password"}
        yield call.case("install values without a password", form_bytes({**without, **INSTALL}), twin)


# Documents whose fault is a missing blank: what is said of them, and the line.
SPELLING = {
    "a missing blank": (
        b"system_mode: simplex\nadmin_password:Tide-table9\nname: a\n",
        "could not find expected ':' (line 2, column 1)",
    ),
    "a missing blank on top": (
        b"name:gull\nlocation: a\n",
        "a blank is missing after ':' (line 1, column 5)",
    ),
    "no blank at all": (b"name:gull\nlocation:a\n", "a blank is missing after ':' (line 1, column 5)"),
}


def _spelling_cases() -> Iterator[Case]:
    for what, (document, text) in SPELLING.items():
        for call in (CREATE, CHANGE, REDEPLOY):
            for part in ("bootstrap_values", "install_values"):
                bad = form_bytes({**call.enough, part: File(document)})
                yield call.case(f"{part} with {what}", bad, text=text)


def _refused_cases() -> Iterator[Case]:
    """Forms that are well-formed and not taken here."""
    yield CREATE.case(
        "a taken name",
        form_bytes({**NEW_PARTS, "name": world.FREE}),
        code=409,
        text=f"Subcloud with name={world.FREE} already exists",
    )
    yield CREATE.case(
        "no password", form_bytes({**NEW_PARTS, "sysadmin_password": ""}), text="sysadmin_password required"
    )
    yield CREATE.case(
        "migrate and secondary", form_bytes({**NEW_PARTS, "secondary": "true", "migrate": "true"})
    )
    yield CREATE.case(
        "migrated under another name than the file's",
        form_bytes({**NEW_PARTS, "migrate": "true", "name": "quay-west"}),
        form_bytes({**NEW_PARTS, "migrate": "true", "name": "quay-9"}),
        text="subcloud name does not match the name defined in bootstrap file",
    )
    yield CREATE.case(
        "migrated and enrolled",
        form_bytes({**NEW_PARTS, "migrate": "true", "enroll": "true"}),
        text="migrate with enroll is not allowed",
    )
    yield PEER_CREATE.case(
        "a taken region name", form_bytes({**PEER_NEW_PARTS, "region_name": "quays-north"}), code=409
    )
    yield CHANGE.case("nothing that is known", form_bytes({"unknown": "x"}), text="nothing to update")
    yield CHANGE.case("nothing but empty texts", form_bytes({"group_id": ""}), text="nothing to update")
    yield CHANGE.case("force alone", form_bytes({"force": "true"}), text="Invalid option: force")
    yield CHANGE.case("managed already", form_bytes({"management-state": "managed"}), code=422)
    yield CHANGE.case("a group that another site leads", form_bytes({"peer_group": "copied"}))
    yield CHANGE.case(
        "a rename of a managed one", form_bytes({"name": "quay-west"}), text="must be deployed and unmanaged"
    )
    for name in ("RegionOne", "Quay", world.OFFLINE):
        yield RENAME.case(f"to {name}", form_bytes({"name": name}))
    yield RENAME.case("to another's", form_bytes({"name": world.FREE}), code=422)
    yield CHANGE.case(
        "another network of a managed one", form_bytes({"management_subnet": "10.70.77.0/24"}), code=422
    )
    yield MANAGE.case(
        "what is offline", form_bytes(MANAGE.enough), form_bytes({**MANAGE.enough, "force": "true"}), 422
    )


def cases() -> Iterator[Case]:
    """Every malformed request with a form."""
    for call in (CREATE, PEER_CREATE, CHANGE, PEER_CHANGE):
        yield from call.cases()
    yield from CREATE_SECONDARY.part_cases()
    yield from MANAGE.part_cases()
    yield from REDEPLOY.part_cases()
    yield REDEPLOY.case("no parts", f"--{BOUNDARY}--\r\n".encode(), text="Body required")
    yield from _value_cases()
    yield from _spelling_cases()
    yield from _refused_cases()
