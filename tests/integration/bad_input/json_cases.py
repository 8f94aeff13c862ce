"""Malformed requests with JSON bodies: every field with every wrong type, and bodies that are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tests.integration.bad_input import world
from tests.integration.bad_input.calls import JSON_TYPE, Case, Literals, Request, json_bytes, literals

MALFORMED = "Request body is malformed."
TEN_KILOBYTES = '"' + "x" * 10_240 + '"'

# What no JSON body may hold, wherever it stands.
BROKEN_LITERALS = {
    "NaN": "NaN",
    "infinity": "-Infinity",
    "half of a surrogate pair": '"a\\ud800b"',
    "a raw control character": '"a\x07b"',
}
OF_NO_USE = {"true": "true", "a list": '["a"]', "an object": '{"a": "b"}'}
NO_NUMBERS = {
    **OF_NO_USE,
    "1e3": "1e3",
    "a fraction": "1.5",
    "more than 64 bits": str(2**64),
    "1e3 as text": '"1e3"',
    "a space before digits": '" 60"',
    "a sign": '"+60"',
    "an underscore": '"6_0"',
    "digits of another script": '"\\u0666\\u0660"',
    "too many digits": '"' + "9" * 30 + '"',
    "a NUL": '"60\\u0000"',
}
UNKNOWN_IDS = {"unknown": "999", "beyond 32 bits": str(2**31), "of 63 bits": str(2**63 - 1)}
NO_TEXTS = {
    **OF_NO_USE,
    "a number": "7",
    "1e3": "1e3",
    "a NUL": '"a\\u0000b"',
    "a control character": '"a\\u001bb"',
    "a line break": '"a\\nb"',
    "text turned around": '"a\\u202eb"',
    "an isolate": '"a\\u2066b\\u2069"',
    "10 kB": TEN_KILOBYTES,
}
NO_NAMES = {**NO_TEXTS, "a slash": '"a/b"', "digits": '"77"', "a pattern": '"a.*"', "a blank": '" "'}
NO_WORDS = {**NO_TEXTS, "another word": '"other"', "another case": '"ENABLED"'}

# Bodies that are no JSON object, with what is said of them.
BROKEN_BODIES: dict[str, tuple[bytes, int, str]] = {
    "no body": (b"", 400, MALFORMED),
    "an empty object": (b"{}", 400, "Body required"),
    "a list": (b"[{}]", 400, "Invalid request body format"),
    "a text": (b'"text"', 400, "Invalid request body format"),
    "null": (b"null", 400, "Invalid request body format"),
    "not UTF-8": (b'{"a": "\xff\xfe"}', 400, MALFORMED),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), 400, MALFORMED),
    "lists nested 100,000 deep": (b"[" * 100_000 + b"]" * 100_000, 400, MALFORMED),
    "objects nested 100,000 deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, MALFORMED),
    "a form": (b"name=value&other=1", 400, MALFORMED),
    "too large": (b'{"a": "' + b"x" * world.LARGEST_BODY + b'"}', 413, ""),
}


@dataclass(frozen=True)
class Field:
    """A field of a request: a well-formed value, the text for wrong ones, and these by name."""

    good: str
    text: str
    wrong: Mapping[str, str]


@dataclass(frozen=True)
class JsonCall:
    """A route that takes JSON: what suffices for it, and its fields."""

    route: str
    path: str
    enough: Literals
    fields: Mapping[str, Field]
    peer: bool = False
    # Where some fields belong to another row than the rest.
    paths: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return self.route.split()[0]

    def request(self, body: bytes, path: str | None = None) -> Request:
        return Request(self.method, path or self.path, body, JSON_TYPE, self.peer)

    def cases(self) -> Iterator[Case]:
        yield from self._field_cases()
        yield from self.body_cases()

    def _field_cases(self) -> Iterator[Case]:
        # A PATCH holds the field alone: that nothing else is changed on the way is seen best so.
        base = {} if self.method == "PATCH" else dict(self.enough)
        for key, one in self.fields.items():
            path = self.paths.get(key, self.path)
            twin = self.request(json_bytes({**base, key: one.good}), path)
            for what, literal in {**one.wrong, **BROKEN_LITERALS}.items():
                text = MALFORMED if what in BROKEN_LITERALS else one.text
                bad = self.request(json_bytes({**base, key: literal}), path)
                yield Case(self.route, f"{key} is {what}", bad, twin, text=text)

    def body_cases(self) -> Iterator[Case]:
        good = json_bytes(self.enough)
        bodies = {**BROKEN_BODIES, "truncated": (good[:-1], 400, MALFORMED)}
        if self.method == "PATCH" and self.fields:
            bodies["nothing that is known"] = (b'{"unknown": 1}', 400, "nothing to update")
            bodies["only nulls"] = (json_bytes(dict.fromkeys(self.enough, "null")), 400, "nothing to update")
        for what, (body, code, text) in bodies.items():
            yield Case(self.route, f"the body is {what}", self.request(body), self.request(good), code, text)


PEER_FIELDS = {
    "peer_uuid": Field('"0b4fb1b2-6c9e-4a8e-9d5e-0000000000aa"', "Invalid peer uuid", NO_TEXTS),
    "peer_name": Field('"Ærø west"', "Invalid peer name", NO_NAMES),
    "manager_endpoint": Field(
        '"https://[fd00::9]:5000/v3"',
        "Invalid peer manager_endpoint",
        {
            **NO_TEXTS,
            "another scheme": '"file:///etc/passwd"',
            "no host": '"http:///v3"',
            "a link-local address": '"http://169.254.169.254/v3"',
            "a link-local address as a number": '"http://0xa9fea9fe:80/v3"',
            "a mapped link-local address": '"http://[::ffff:169.254.169.254]/v3"',
        },
    ),
    "manager_username": Field('"mate"', "Invalid peer manager_username", NO_TEXTS),
    "manager_password": Field(
        '"VHVsaXA1NTU="',
        "Invalid peer manager_password",
        {**NO_TEXTS, "no base64": '"tulip!"', "base64 that is no UTF-8": '"/////w=="'},
    ),
    "peer_controller_gateway_address": Field(
        '"fd00::9"',
        "Invalid peer peer_controller_gateway_address",
        {**NO_TEXTS, "a subnet": '"10.0.0.0/8"', "two of one version": '"10.0.0.8,10.0.0.9"'},
    ),
    "administrative_state": Field('"disabled"', "Invalid peer administrative_state", NO_WORDS),
    "heartbeat_interval": Field('"30"', "Invalid peer heartbeat_interval", NO_NUMBERS),
    "heartbeat_failure_threshold": Field("4", "Invalid peer heartbeat_failure_threshold", NO_NUMBERS),
    "heartbeat_failure_policy": Field('"delegate"', "Invalid peer heartbeat_failure_policy", NO_WORDS),
    "heartbeat_maintenance_timeout": Field(
        "301", "Invalid peer heartbeat_maintenance_timeout", {**NO_NUMBERS, "too low": "299"}
    ),
}
# Elsewhere than the system peer of the table it would have to bring the password.
PEER_PATCH_FIELDS = {
    **PEER_FIELDS,
    "manager_endpoint": replace(
        PEER_FIELDS["manager_endpoint"],
        good=f'"http://192.0.2.{world.SOUTH}:5000/identity/v3"',
        wrong={
            **PEER_FIELDS["manager_endpoint"].wrong,
            "at another port": f'"http://192.0.2.{world.SOUTH}:5001/v3"',
            "at another host": f'"http://192.0.2.{world.NORTH}:5000/v3"',
            "of another scheme": f'"https://192.0.2.{world.SOUTH}:5000/v3"',
        },
    ),
}
GROUP_FIELDS = {
    "peer-group-name": Field('"ferries"', "Invalid peer-group-name", {**NO_NAMES, "the word none": '"none"'}),
    "group-priority": Field('"7"', "Invalid group-priority", {**NO_NUMBERS, "negative": "-1"}),
    "group-state": Field('"disabled"', "Invalid group-state", NO_WORDS),
    "max-subcloud-rehoming": Field("20", "Invalid max-subcloud-rehoming", {**NO_NUMBERS, "zero": "0"}),
    "system-leader-id": Field(f'"{world.FOREIGN_SITE}"', "Invalid system-leader-id", NO_TEXTS),
    "system-leader-name": Field('"site-c"', "Invalid system-leader-name", NO_NAMES),
}
MIGRATION = {"migration_status": Field('"complete"', "Invalid migration_status", NO_WORDS)}
ASSOCIATION_FIELDS = {
    "peer_group_id": Field(f'"{world.LED}"', "Invalid peer_group_id", {**NO_NUMBERS, **UNKNOWN_IDS}),
    "system_peer_id": Field(str(world.SOUTH), "Invalid system_peer_id", {**NO_NUMBERS, **UNKNOWN_IDS}),
    "peer_group_priority": Field("1", "Invalid peer_group_priority", {**NO_NUMBERS, "zero": "0"}),
}
ASSOCIATION_PATCH_FIELDS = {
    # The value that it has: a new one would be sent to the peer.
    "peer_group_priority": Field("5", "Invalid peer_group_priority", {**NO_NUMBERS, "zero": "0"}),
    "sync_status": Field('"failed"', "Invalid sync_status", NO_WORDS),
}
SUBCLOUD_GROUP_FIELDS = {
    "name": Field('"harbour"', "Invalid group name", NO_NAMES),
    "description": Field('"inside the breakwater"', "Invalid group description", NO_TEXTS),
    "update_apply_type": Field('"serial"', "Invalid group update_apply_type", NO_WORDS),
    "max_parallel_subclouds": Field(
        "5000", "Invalid group max_parallel_subclouds", {**NO_NUMBERS, "zero": "0", "too many": "5001"}
    ),
}
STATUS_FIELDS = {
    "endpoint": Field('"dc-cert"', "updating endpoint", {**NO_WORDS, "another endpoint": '"platform"'}),
    "status": Field('"out-of-sync"', "in invalid.", {**NO_WORDS, "another status": '"syncing"'}),
}

ASSOCIATION = {"peer_group_id": world.LED, "system_peer_id": world.SOUTH, "peer_group_priority": 3}

CALLS = (
    JsonCall("POST /system-peers", "/system-peers", literals(world.PEER), PEER_FIELDS),
    JsonCall(
        "PATCH /system-peers/<reference>",
        f"/system-peers/{world.SOUTH}",
        literals({"peer_name": "west"}),
        PEER_PATCH_FIELDS,
    ),
    JsonCall("POST /subcloud-peer-groups", "/subcloud-peer-groups", literals(world.GROUP), GROUP_FIELDS),
    JsonCall(
        "PATCH /subcloud-peer-groups/<reference>",
        f"/subcloud-peer-groups/{world.LOOSE}",
        literals(world.GROUP),
        {**GROUP_FIELDS, **MIGRATION},
    ),
    JsonCall(
        "PATCH /subcloud-peer-groups/<reference>",
        f"/subcloud-peer-groups/{world.COPY}",
        literals(world.GROUP),
        {**GROUP_FIELDS, **MIGRATION},
        peer=True,
    ),
    JsonCall(
        "POST /peer-group-associations",
        "/peer-group-associations",
        literals(ASSOCIATION),
        ASSOCIATION_FIELDS,
    ),
    JsonCall(
        "PATCH /peer-group-associations/<reference>",
        f"/peer-group-associations/{world.NON_PRIMARY}",
        literals({"sync_status": "syncing"}),
        ASSOCIATION_PATCH_FIELDS,
        paths={"peer_group_priority": f"/peer-group-associations/{world.PRIMARY}"},
    ),
    JsonCall(
        "POST /subcloud-groups", "/subcloud-groups", literals(world.SUBCLOUD_GROUP), SUBCLOUD_GROUP_FIELDS
    ),
    JsonCall(
        "PATCH /subcloud-groups/<reference>",
        f"/subcloud-groups/{world.COAST}",
        literals({"name": "harbour"}),
        SUBCLOUD_GROUP_FIELDS,
    ),
    # Both values are required here, so its fields are tried side by side, below.
    JsonCall(
        "PATCH /subclouds/<reference>/update_status",
        f"/subclouds/{world.FREE}/update_status",
        literals({"endpoint": "dc-cert", "status": "in-sync"}),
        {},
    ),
)


PASSWORD = '"VHVsaXA0NDQh"'
NO_PASSWORDS = {
    **NO_TEXTS,
    "no base64": '"tulip!"',
    "base64 that is no UTF-8": '"/////w=="',
    "missing": "null",
    "empty": '""',
}
NO_BOOLEANS = {**OF_NO_USE, "another word": '"maybe"', "a number": "7", "a NUL": '"true\\u0000"'}
del NO_BOOLEANS["true"]
NO_RELEASES = {**NO_TEXTS, "a fraction": "24.09", "three numbers": '"24.09.1"', "one number": '"24"'}
AUDIT = {
    "peer_uuid": "0b4fb1b2-6c9e-4a8e-9d5e-000000000001",
    "peer_group_name": "copied",
    "group_priority": 0,
    "group_state": "enabled",
    "system_leader_id": world.FOREIGN_SITE,
    "system_leader_name": "site-b",
    "migration_status": "complete",
}
# Calls whose fields are all needed at once, so that each is tried beside the others: (call, wrong values).
WHOLE_CALLS: tuple[tuple[JsonCall, Mapping[str, Mapping[str, str]]], ...] = (
    (
        JsonCall(
            "PATCH /subcloud-peer-groups/<reference>/migrate",
            f"/subcloud-peer-groups/{world.COPY}/migrate",
            {"sysadmin_password": PASSWORD},
            {},
        ),
        {"sysadmin_password": NO_PASSWORDS},
    ),
    (
        JsonCall(
            "PATCH /subclouds/<reference>/prestage",
            f"/subclouds/{world.FREE}/prestage",
            {"sysadmin_password": PASSWORD},
            {},
        ),
        {
            "sysadmin_password": NO_PASSWORDS,
            "force": NO_BOOLEANS,
            "for_install": NO_BOOLEANS,
            "release": NO_RELEASES,
        },
    ),
    (
        JsonCall(
            "PATCH /subcloud-peer-groups/<reference>/audit",
            f"/subcloud-peer-groups/{world.COPY}/audit",
            literals(AUDIT),
            {},
        ),
        {"peer_uuid": {**NO_TEXTS, "missing": "null"}},
    ),
)


def _whole_cases() -> Iterator[Case]:
    for call, fields in WHOLE_CALLS:
        twin = call.request(json_bytes(call.enough))
        for key, wrong in fields.items():
            for what, literal in {**wrong, **BROKEN_LITERALS}.items():
                bad = call.request(json_bytes({**call.enough, key: literal}))
                yield Case(call.route, f"{key} is {what}", bad, twin)
        yield from call.body_cases()


def _status_cases() -> Iterator[Case]:
    call = CALLS[-1]
    for key, one in STATUS_FIELDS.items():
        twin = call.request(json_bytes({**call.enough, key: one.good}))
        for what, literal in {**one.wrong, **BROKEN_LITERALS}.items():
            bad = call.request(json_bytes({**call.enough, key: literal}))
            text = MALFORMED if what in BROKEN_LITERALS else one.text
            yield Case(call.route, f"{key} is {what}", bad, twin, text=text)
        missing = call.request(json_bytes({**call.enough, key: "null"}))
        yield Case(call.route, f"{key} is missing", missing, twin, text=f"{key} required")


def _missing_cases() -> Iterator[Case]:
    """Fields that a POST cannot do without."""
    for call in CALLS:
        if call.method != "POST":
            continue
        for key in call.enough:
            twin = call.request(json_bytes(call.enough))
            rest = {name: literal for name, literal in call.enough.items() if name != key}
            # Of nothing at all it is said that a body is required.
            yield Case(call.route, f"{key} is missing", call.request(json_bytes(rest or {"x": "1"})), twin)
            yield Case(call.route, f"{key} is empty", call.request(json_bytes({**rest, key: '""'})), twin)


def cases() -> Iterator[Case]:
    """Every malformed request with a JSON body."""
    for call in CALLS:
        yield from call.cases()
    yield from _status_cases()
    yield from _whole_cases()
    yield from _missing_cases()
