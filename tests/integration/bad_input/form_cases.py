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
from tests.subcloud_forms import ADDRESS, PASSWORD, admin_network, bootstrap_values, install_values

TEN_KILOBYTES = "x" * 10_240
NO_UTF8 = base64.b64encode(b"\xff\xfe").decode()
A_FILE = File(b"a: 1")

Wrong = dict[str, str | bytes | File]

UNCLEAN: Wrong = {"a NUL": "a\0b", "a control character": "a\x1bb", "not UTF-8": b"a\xffb", "a file": A_FILE}
NO_TEXTS: Wrong = {**UNCLEAN, "10 kB": TEN_KILOBYTES}
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
    "a key that is there twice": b"a: 1\na: 2",
    "a NaN": b"a: .nan",
    "a number beyond 64 bits": b"a: 99999999999999999999",
    "not UTF-8": b"a: \xff",
    "a NUL": b'a: "\\0"',
    "a control character": b"a: \x07",
    "half of a surrogate pair": b'a: "\\ud800"',
    "lists nested 100,000 deep": b"a: " + b"[" * 100_000,
    "mappings nested 100,000 deep": b"a: " + b"{a: " * 100_000,
    "larger than a document may be": b"a: " + b"x" * 2**20,
}

# Wrong values inside of well-formed bootstrap values.
BOOTSTRAP_VALUES: dict[str, dict[str, Any]] = {
    "a name that is true": {"name": True},
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
    "a subnet of another subcloud": {"management_subnet": "10.70.0.0/16"},
    "both gateways": {**admin_network(9), "management_gateway_address": "10.70.9.1"},
    "a description that is a list": {"description": ["a"]},
    "a description of 10 kB": {"description": TEN_KILOBYTES},
    "a location with a line break": {"location": "a\nb"},
    "a password that is a number": {"admin_password": 1234},
    "a group beyond 64 bits": {"group_id": str(2**64)},
}
REQUIRED_VALUES = (
    "name",
    "system_mode",
    "management_subnet",
    "management_start_address",
    "management_end_address",
    "management_gateway_address",
    "systemcontroller_gateway_address",
    "external_oam_subnet",
    "external_oam_gateway_address",
    "external_oam_floating_address",
)

INSTALL_VALUES: dict[str, dict[str, Any]] = {
    "no interface": {"bootstrap_interface": None},
    "an interface that is a list": {"bootstrap_interface": ["eno1"]},
    "an install type beyond its range": {"install_type": 6},
    "an install type that is true": {"install_type": True},
    "an install type that is a fraction": {"install_type": 1.5},
    "a persistent size that is too small": {"persistent_size": 29999},
    "a persistent size with an exponent": {"persistent_size": "1e5"},
    "a time to settle that is negative": {"hw_settle": -1},
    "a BMC address of the other IP version": {"bmc_address": "fd00::1"},
    "a BMC address that is a number": {"bmc_address": 1},
    "a prefix longer than an address": {"bootstrap_address_prefix": 64},
}


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
        yield from self._body_cases()
        yield from self._type_cases()
        yield from self._yaml_cases()

    def part_cases(self) -> Iterator[Case]:
        for part, (more, good, wrong) in self.parts.items():
            base = {**self.enough, **more}
            for what, value in wrong.items():
                bad = form_bytes({**base, part: value})
                yield self.case(f"{part} is {what}", bad, form_bytes({**base, part: good}))

    def _body_cases(self) -> Iterator[Case]:
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

    def _type_cases(self) -> Iterator[Case]:
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
    "region_name": ({}, "c" * 32, {**NO_TEXTS, "a slash": "a/b"}),
    "location": ({}, "Åbo", NO_TEXTS),
    "description": ({}, "Quay 9", NO_TEXTS),
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
    "region_name": ({}, "c" * 32, {**NO_TEXTS, "a slash": "a/b"}),
    "secondary": ({}, "true", NO_BOOLEANS),
    "description": ({}, "Quay 9", NO_TEXTS),
}

PATCH_PARTS: dict[str, Any] = {
    "description": ({}, "Quay 2", NO_TEXTS),
    "location": ({}, "Åbo", NO_TEXTS),
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
    "description": ({}, "Quay 4", NO_TEXTS),
    "group_id": ({}, "coast", NO_GROUPS),
    "peer_group": ({}, "copied", NO_GROUPS),
    "bootstrap_address": ({}, ADDRESS, NO_ADDRESSES),
    "release": ({}, "25.03", {**NO_TEXTS, "a slash": "24/09"}),
}

CREATE = FormCall("POST /subclouds", "/subclouds", NEW_PARTS, POST_PARTS, "by the operator")
PEER_CREATE = FormCall(
    "POST /subclouds", "/subclouds", PEER_NEW_PARTS, PEER_POST_PARTS, "from another site", peer=True
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
    for call in (CREATE, CHANGE):
        base = {**call.enough, "bmc_password": PASSWORD}
        twin = form_bytes({**base, **INSTALL})
        for what, changes in INSTALL_VALUES.items():
            values = yaml_file(install_values(**changes))
            yield call.case(
                f"install values with {what}", form_bytes({**base, "install_values": values}), twin
            )
        yield call.case("install values without a password", form_bytes({**call.enough, **INSTALL}), twin)


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
    yield PEER_CREATE.case(
        "a taken region name", form_bytes({**PEER_NEW_PARTS, "region_name": "quays-north"}), code=409
    )
    yield CHANGE.case("nothing that is known", form_bytes({"unknown": "x"}), text="nothing to update")
    yield CHANGE.case("nothing but empty texts", form_bytes({"group_id": ""}), text="nothing to update")
    yield CHANGE.case("force alone", form_bytes({"force": "true"}), text="Invalid option: force")
    yield CHANGE.case("managed already", form_bytes({"management-state": "managed"}), code=422)
    yield CHANGE.case("a group that another site leads", form_bytes({"peer_group": "copied"}))
    yield CHANGE.case("a rename", form_bytes({"name": "quay-west"}))
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
    yield from MANAGE.part_cases()
    yield from REDEPLOY.part_cases()
    yield from _value_cases()
    yield from _refused_cases()
