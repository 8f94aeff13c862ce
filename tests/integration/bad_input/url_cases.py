"""Malformed requests whose fault is in the URL, the method, or in what they are about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.integration.bad_input import world
from tests.integration.bad_input.calls import JSON_TYPE, Case, Request, json_bytes, literals

# References that nothing can have.
NOWHERE = {
    "an unknown id": "999",
    "zero": "0",
    "an id beyond 32 bits": str(2**31),
    "an id of 63 bits": str(2**63 - 1),
    "an id beyond 64 bits": str(2**64),
    "an id of 300 digits": "9" * 300,
    "an unknown name": "nowhere",
    "a number with a sign": "-1",
    "digits of another script": "%D9%A1",
    "a NUL": "%00",
    "a name with a NUL": "north%00",
    "a control character": "%1b",
    "a line break": "1%0a",
    "text turned around": "north%E2%80%AE",
    "an isolate": "%E2%81%A6",
    "not UTF-8": "%ff%fe",
    "a slash": "1%2F2",
    "10 kB": "x" * 10_240,
    "a fraction": "1.5",
}


def _json(method: str, path: str, **values: object) -> Request:
    return Request(method, path, json_bytes(literals(values)), JSON_TYPE)


GROUPS = "/subcloud-peer-groups"
ASSOCIATIONS = "/peer-group-associations"

# Route → an accepted request of it, and what is said of a reference to nothing.
BY_REFERENCE: dict[str, tuple[Request, str]] = {
    "PATCH /system-peers/<reference>": (
        _json("PATCH", f"/system-peers/{world.SOUTH}", peer_name="west"),
        "System Peer not found",
    ),
    "DELETE /system-peers/<reference>": (
        Request("DELETE", f"/system-peers/{world.SOUTH}"),
        "System Peer not found",
    ),
    f"PATCH {GROUPS}/<reference>": (
        _json("PATCH", f"{GROUPS}/{world.LOOSE}", **world.GROUP),
        "Subcloud Peer Group not found",
    ),
    f"DELETE {GROUPS}/<reference>": (
        Request("DELETE", f"{GROUPS}/{world.LOOSE}"),
        "Subcloud Peer Group not found",
    ),
    f"PATCH {ASSOCIATIONS}/<reference>": (
        _json("PATCH", f"{ASSOCIATIONS}/{world.NON_PRIMARY}", sync_status="syncing"),
        "Peer Group Association",
    ),
    f"PATCH {ASSOCIATIONS}/<reference>/sync": (
        Request("PATCH", f"{ASSOCIATIONS}/{world.PRIMARY}/sync"),
        "Peer Group Association",
    ),
    f"DELETE {ASSOCIATIONS}/<reference>": (
        Request("DELETE", f"{ASSOCIATIONS}/{world.NON_PRIMARY}"),
        "Peer Group Association",
    ),
    "PATCH /subclouds/<reference>/update_status": (
        _json("PATCH", f"/subclouds/{world.FREE}/update_status", endpoint="dc-cert", status="in-sync"),
        "Subcloud not found",
    ),
    "DELETE /subclouds/<reference>": (Request("DELETE", f"/subclouds/{world.OFFLINE}"), "Subcloud not found"),
    "PATCH /subcloud-groups/<reference>": (
        _json("PATCH", f"/subcloud-groups/{world.COAST}", name="harbour"),
        "Subcloud Group not found",
    ),
    "DELETE /subcloud-groups/<reference>": (
        Request("DELETE", f"/subcloud-groups/{world.COAST}"),
        "Subcloud Group not found",
    ),
}


def at(path: str, reference: str) -> str:
    """The path of a request with another reference in it."""
    _, collection, _, *verb = path.split("/")
    return "/".join(["", collection, reference, *verb])


def _reference_cases() -> Iterator[Case]:
    for route, (twin, text) in BY_REFERENCE.items():
        for what, reference in NOWHERE.items():
            bad = replace(twin, path=at(twin.path, reference))
            # A slash makes another path of it; associations have ids alone.
            no_route = "%2F" in reference
            no_id = ASSOCIATIONS in route and not (reference.isascii() and reference.isdigit())
            code = 400 if no_id and not no_route else 404
            yield Case(route, f"the reference is {what}", bad, twin, code, "" if no_route else text)


# (method, path that does not take it or does not exist, a twin of the same route, code)
METHODS: tuple[tuple[str, str, str, int], ...] = (
    ("PUT", "/system-peers", "POST /system-peers", 405),
    ("DELETE", "/system-peers", "POST /system-peers", 405),
    ("PATCH", "/system-peers", "POST /system-peers", 405),
    ("POST", f"/system-peers/{world.SOUTH}", "PATCH /system-peers/<reference>", 405),
    ("PUT", f"/system-peers/{world.SOUTH}", "PATCH /system-peers/<reference>", 405),
    ("BREW", f"/system-peers/{world.SOUTH}", "DELETE /system-peers/<reference>", 405),
    ("OPTIONS", f"/system-peers/{world.SOUTH}", "DELETE /system-peers/<reference>", 405),
    ("PATCH", f"/system-peers/{world.SOUTH}/migrate", "PATCH /system-peers/<reference>", 404),
    ("POST", f"/system-peers/{world.SOUTH}/subcloud-peer-groups", "PATCH /system-peers/<reference>", 405),
    ("PUT", GROUPS, f"POST {GROUPS}", 405),
    ("POST", f"{GROUPS}/{world.LOOSE}", f"PATCH {GROUPS}/<reference>", 405),
    ("PATCH", f"{GROUPS}/{world.LOOSE}/frobnicate", f"PATCH {GROUPS}/<reference>", 404),
    ("PATCH", f"{GROUPS}/{world.LOOSE}/status", f"PATCH {GROUPS}/<reference>", 405),
    ("DELETE", f"{GROUPS}/{world.LOOSE}/subclouds", f"DELETE {GROUPS}/<reference>", 405),
    ("TRACE", f"{GROUPS}/{world.LOOSE}", f"DELETE {GROUPS}/<reference>", 405),
    ("PUT", ASSOCIATIONS, f"POST {ASSOCIATIONS}", 405),
    ("POST", f"{ASSOCIATIONS}/{world.PRIMARY}", f"PATCH {ASSOCIATIONS}/<reference>", 405),
    ("POST", f"{ASSOCIATIONS}/{world.PRIMARY}/sync", f"PATCH {ASSOCIATIONS}/<reference>/sync", 405),
    ("DELETE", f"{ASSOCIATIONS}/{world.PRIMARY}/sync", f"PATCH {ASSOCIATIONS}/<reference>/sync", 405),
    ("PATCH", f"{ASSOCIATIONS}/{world.PRIMARY}/sink", f"PATCH {ASSOCIATIONS}/<reference>/sync", 404),
    ("PATCH", f"{ASSOCIATIONS}/{world.PRIMARY}/sync/sync", f"PATCH {ASSOCIATIONS}/<reference>/sync", 404),
    ("PUT", f"{ASSOCIATIONS}/{world.NON_PRIMARY}", f"DELETE {ASSOCIATIONS}/<reference>", 405),
    ("POST", f"/subclouds/{world.FREE}", "DELETE /subclouds/<reference>", 405),
    ("PATCH", "/subclouds", "DELETE /subclouds/<reference>", 405),
    ("PATCH", f"/subclouds/{world.FREE}/frobnicate", "PATCH /subclouds/<reference>/update_status", 404),
    ("POST", f"/subclouds/{world.FREE}/update_status", "PATCH /subclouds/<reference>/update_status", 405),
    ("PATCH", f"/subclouds/{world.FREE}/detail", "PATCH /subclouds/<reference>/update_status", 405),
    ("PATCH", f"/subclouds/{world.FREE}/restore", "PATCH /subclouds/<reference>/update_status", 410),
    ("PATCH", f"/subclouds/{world.FREE}/reconfigure", "PATCH /subclouds/<reference>/update_status", 410),
    ("PATCH", f"/subclouds/{world.FREE}/reinstall", "PATCH /subclouds/<reference>/update_status", 410),
    ("PUT", "/subcloud-groups", "POST /subcloud-groups", 405),
    ("POST", f"/subcloud-groups/{world.COAST}", "PATCH /subcloud-groups/<reference>", 405),
    ("DELETE", f"/subcloud-groups/{world.COAST}/subclouds", "DELETE /subcloud-groups/<reference>", 405),
    ("POST", "/subcloud-grouse", "POST /subcloud-groups", 404),
    ("POST", "//subcloud-groups", "POST /subcloud-groups", 404),
)

CREATING: dict[str, Request] = {
    "POST /system-peers": _json("POST", "/system-peers", **world.PEER),
    f"POST {GROUPS}": _json("POST", GROUPS, **world.GROUP),
    f"POST {ASSOCIATIONS}": _json(
        "POST", ASSOCIATIONS, peer_group_id=world.LED, system_peer_id=world.SOUTH, peer_group_priority=3
    ),
    "POST /subcloud-groups": _json("POST", "/subcloud-groups", **world.SUBCLOUD_GROUP),
}


def _method_cases() -> Iterator[Case]:
    for method, path, route, code in METHODS:
        twin = CREATING[route] if route in CREATING else BY_REFERENCE[route][0]
        yield Case(route, f"{method} {path}", replace(twin, method=method, path=path), twin, code)


# Well-formed requests that what is there forbids: (route, name, request, code, text)
FORBIDDEN: tuple[tuple[str, str, Request, int, str], ...] = (
    (
        "POST /system-peers",
        "a taken name",
        _json("POST", "/system-peers", **{**world.PEER, "peer_name": "north"}),
        409,
        "A system peer with this name already exists",
    ),
    (
        "DELETE /system-peers/<reference>",
        "an associated peer",
        Request("DELETE", f"/system-peers/{world.NORTH}"),
        400,
        "Cannot delete a system peer which is associated with peer group.",
    ),
    (
        f"POST {GROUPS}",
        "a taken name",
        _json("POST", GROUPS, **{"peer-group-name": "loose"}),
        409,
        "A subcloud peer group with this name already exists",
    ),
    (
        f"PATCH {GROUPS}/<reference>",
        "a copy",
        _json("PATCH", f"{GROUPS}/{world.COPY}", **world.GROUP),
        400,
        "Cannot update a peer group from a non-primary site.",
    ),
    (
        f"PATCH {GROUPS}/<reference>",
        "a group of this site, from another one",
        replace(_json("PATCH", f"{GROUPS}/{world.LED}", **world.GROUP), peer=True),
        400,
        "Cannot update a primary peer group from another site.",
    ),
    (
        f"PATCH {GROUPS}/<reference>",
        "the priority of an associated group",
        _json("PATCH", f"{GROUPS}/{world.LED}", **{"group-priority": 4}),
        400,
        "",
    ),
    (
        f"DELETE {GROUPS}/<reference>",
        "an associated group",
        Request("DELETE", f"{GROUPS}/{world.LED}"),
        400,
        "Cannot delete a peer group which is associated with a system peer.",
    ),
    (
        f"POST {ASSOCIATIONS}",
        "the same pair twice",
        _json(
            "POST", ASSOCIATIONS, peer_group_id=world.LED, system_peer_id=world.NORTH, peer_group_priority=3
        ),
        400,
        "A Peer group association with same peer_group_id, system_peer_id already exists",
    ),
    (
        f"POST {ASSOCIATIONS}",
        "a primary one without a priority",
        _json("POST", ASSOCIATIONS, peer_group_id=world.LED, system_peer_id=world.SOUTH),
        400,
        "it is required when the subcloud peer group priority is 0.",
    ),
    (
        f"POST {ASSOCIATIONS}",
        "a copy with a priority",
        _json(
            "POST", ASSOCIATIONS, peer_group_id=world.COPY, system_peer_id=world.SOUTH, peer_group_priority=3
        ),
        400,
        "is not allowed when the subcloud peer group priority is greater than 0",
    ),
    (
        f"PATCH {ASSOCIATIONS}/<reference>",
        "both fields",
        _json("PATCH", f"{ASSOCIATIONS}/{world.PRIMARY}", peer_group_priority=3, sync_status="failed"),
        400,
        "peer_group_priority and sync_status cannot be updated at the same time.",
    ),
    (
        f"PATCH {ASSOCIATIONS}/<reference>",
        "the priority of a non-primary one",
        _json("PATCH", f"{ASSOCIATIONS}/{world.NON_PRIMARY}", peer_group_priority=3),
        400,
        "is not allowed to update when the association type is non-primary.",
    ),
    (
        f"PATCH {ASSOCIATIONS}/<reference>",
        "the status of a primary one",
        _json("PATCH", f"{ASSOCIATIONS}/{world.PRIMARY}", sync_status="in-sync"),
        400,
        "is not allowed to update when the association type is primary.",
    ),
    (
        f"PATCH {ASSOCIATIONS}/<reference>/sync",
        "a non-primary one",
        Request("PATCH", f"{ASSOCIATIONS}/{world.NON_PRIMARY}/sync"),
        400,
        "sync is not allowed when the association type is non-primary.",
    ),
    (
        "DELETE /subclouds/<reference>",
        "a managed one",
        Request("DELETE", f"/subclouds/{world.FREE}"),
        400,
        'Cannot delete a subcloud that is "managed" status',
    ),
    (
        "DELETE /subclouds/<reference>",
        "a copy, by its operator",
        Request("DELETE", f"/subclouds/{world.SECONDARY}"),
        400,
        "Cannot delete a subcloud that is part of a peer group on this site",
    ),
    (
        "DELETE /subclouds/<reference>",
        "one that is prestaged",
        Request("DELETE", f"/subclouds/{world.PRESTAGED}"),
        400,
        "Cannot delete a subcloud during an active operation.",
    ),
    (
        "DELETE /subclouds/<reference>",
        "an unknown one, from another site",
        Request("DELETE", "/subclouds/3", peer=True),
        404,
        "Subcloud not found",
    ),
    (
        "POST /subcloud-groups",
        "a taken name",
        _json("POST", "/subcloud-groups", **{**world.SUBCLOUD_GROUP, "name": "Default"}),
        400,
        "A subcloud group with this name already exists",
    ),
    (
        "PATCH /subcloud-groups/<reference>",
        "the default group's name",
        _json("PATCH", "/subcloud-groups/1", name="harbour"),
        400,
        "Default group name cannot be changed",
    ),
    (
        "DELETE /subcloud-groups/<reference>",
        "the default group",
        Request("DELETE", "/subcloud-groups/Default"),
        400,
        "Default Subcloud Group may not be deleted",
    ),
)


def _forbidden_cases() -> Iterator[Case]:
    for route, name, bad, code, text in FORBIDDEN:
        twin = CREATING[route] if route in CREATING else BY_REFERENCE[route][0]
        yield Case(route, name, bad, twin, code, text)


def _large_cases() -> Iterator[Case]:
    """A body where none belongs is not read, and one that is too large is refused at once."""
    for route, (twin, _text) in BY_REFERENCE.items():
        large = replace(twin, body=b"x" * (world.LARGEST_BODY + 1))
        yield Case(route, "a body that is too large", large, twin, 413)


def cases() -> Iterator[Case]:
    """Every malformed request whose fault is not in its body."""
    yield from _reference_cases()
    yield from _method_cases()
    yield from _forbidden_cases()
    yield from _large_cases()
