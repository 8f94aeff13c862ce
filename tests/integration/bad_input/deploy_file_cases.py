"""Malformed requests about deploy files. What is wrong with a zip is in tests/unit/schemas."""

from __future__ import annotations

from collections.abc import Iterator

from tests.integration.bad_input import world
from tests.integration.bad_input.calls import Case, File, Parts, Request, form_bytes, raw_part
from tests.integration.bad_input.form_cases import NO_TEXTS, FormCall

PATH = "/subcloud-deploy"
FILE = File(b"- hosts: all\n")
ENOUGH: Parts = {"deploy_playbook": FILE, "deploy_chart": FILE}
NO_RELEASES = {**NO_TEXTS, "a slash": "24/09", "a way out": "..", "a blank": "24 09"}
A_TEXT = {"a text": "x"}

UPLOAD = FormCall(
    f"POST {PATH}",
    PATH,
    ENOUGH,
    {
        "release": ({}, "24.09", NO_RELEASES),
        "deploy_playbook": ({}, FILE, A_TEXT),
        "deploy_chart": ({}, FILE, A_TEXT),
        "deploy_overrides": ({}, FILE, A_TEXT),
        "prestage_images": ({}, FILE, A_TEXT),
    },
    "upload",
)

NAMES = {
    "none": b"",
    "a folder": b"/a/b/",
    "a folder of Windows": rb"C:\a" + b"\\" * 2,
    "a way out": b"/a/..",
    "a control character": b"a\x1bb",
    "text turned around": "a\u202eb".encode(),
    "256 characters": b"c" * 256,
    "128 characters of two bytes": "ø".encode() * 128,
}

# Queries that name no files, and references that no release has.
QUERIES = {"maybe": "maybe", "a number": "1", "a NUL": "%00", "two words": "true,false"}
NO_PATHS = {"a blank": "24%2009", "a NUL": "%00", "a way out": "%2e%2e", "65 characters": "2" * 65}


def _name_cases() -> Iterator[Case]:
    for what, name in NAMES.items():
        header = b'Content-Disposition: form-data; name="deploy_chart"; filename="' + name + b'"'
        part = raw_part("X: y", b"x").replace(b"X: y", header)
        yield UPLOAD.case(f"the name is {what}", part + form_bytes({"deploy_playbook": FILE}))


def _deletion_cases() -> Iterator[Case]:
    for route, path in ((f"DELETE {PATH}", PATH), (f"DELETE {PATH}/<reference>", f"{PATH}/24.09")):
        twin = Request("DELETE", path)
        for what, query in QUERIES.items():
            for option in ("deployment_files", "prestage_images"):
                bad = Request("DELETE", f"{path}?{option}={query}")
                yield Case(route, f"{option} is {what}", bad, twin, text=f"Invalid {option} value")
        large = Request("DELETE", path, b"x" * (world.LARGEST_BODY + 1))
        yield Case(route, "a body that is too large", large, twin, 413)
        yield Case(route, "PUT", Request("PUT", path), twin, 405)


def _release_cases() -> Iterator[Case]:
    route, twin = f"DELETE {PATH}/<reference>", Request("DELETE", f"{PATH}/24.09")
    for what, release in NO_PATHS.items():
        bad = Request("DELETE", f"{PATH}/{release}")
        yield Case(route, f"the release is {what}", bad, twin, text="invalid release version parameter")
    unknown = Request("DELETE", f"{PATH}/22.12")
    yield Case(route, "a release without files", unknown, twin, 404, "Directory not found: 22.12")


def cases() -> Iterator[Case]:
    """Every malformed request about deploy files."""
    yield from UPLOAD.part_cases()
    yield from UPLOAD.body_cases()
    yield from UPLOAD.type_cases()
    yield from _name_cases()
    yield from _deletion_cases()
    yield from _release_cases()
