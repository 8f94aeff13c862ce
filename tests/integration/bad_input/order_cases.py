"""What is said first of a PATCH with several faults: of its body's form, of the reference, of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dcapi.services.deploying.phased_verbs import VERBS
from tests.integration.bad_input import form_cases, json_cases, phase_cases, url_cases
from tests.integration.bad_input.calls import BOUNDARY, Case, Request, form_bytes
from tests.integration.bad_input.form_cases import A_FILE, FormCall
from tests.integration.bad_input.json_cases import JsonCall

NOT_FOUND = {
    "system-peers": "System Peer not found",
    "subcloud-peer-groups": "Subcloud Peer Group not found",
    "peer-group-associations": "Peer Group Association not found",
    "subclouds": "Subcloud not found",
    "phased-subcloud-deploy": "Subcloud not found",
    "subcloud-groups": "Subcloud Group not found",
}
# As a name, an id, or a region name.
NOWHERE = "999"

# Bodies without the right form, and what is said of them wherever they go.
NO_JSON = {
    "no JSON": (b"{", "Request body is malformed."),
    "no object": (b"[]", "Invalid request body format"),
    "an empty object": (b"{}", "Body required"),
}
CUT_FORM = {"a cut form": (f"--{BOUNDARY}\r\n".encode(), "Invalid multipart body")}
NO_PARTS = {"no parts": f"--{BOUNDARY}--\r\n".encode()}
NO_FORM = {**CUT_FORM, **{what: (body, "Body required") for what, body in NO_PARTS.items()}}
# Well-formed bodies of which something would be said, were there anything to change.
WRONG_VALUES = {"nothing that is known": b'{"unknown": 1}', "a wrong field": b'{"%s": ["a"]}'}
WRONG_PARTS = {
    "nothing that is known": form_bytes({"unknown": "x"}),
    "a file for a text": form_bytes({"description": A_FILE, "release": A_FILE, "name": "RegionOne"}),
    "a broken document": form_bytes({"bootstrap_values": "a: [1", "sysadmin_password": "no base64!"}),
}


@dataclass(frozen=True)
class Patch:
    """A PATCH that is accepted, and the same of nothing, with other bodies."""

    route: str
    twin: Request
    name: str = ""
    # Where it goes, when that is not where the twin goes.
    path: str = ""

    def of_nothing(self, what: str, body: bytes, code: int, text: str) -> Case:
        collection = self.twin.path.split("/")[1]
        path = url_cases.at(self.path or self.twin.path, NOWHERE)
        bad = Request("PATCH", path, body, self.twin.content_type, self.twin.peer)
        said = text or NOT_FOUND[collection]
        return Case(self.route, f"{self.name}of nothing, {what}", bad, self.twin, code, said)


def _of_json(call: JsonCall) -> Iterator[Case]:
    patch = Patch(
        call.route, call.request(json_cases.json_bytes(call.enough)), "from a peer, " if call.peer else ""
    )
    for what, (body, text) in NO_JSON.items():
        yield patch.of_nothing(what, body, 400, text)
    field = next(iter(call.enough)).encode()
    for what, body in WRONG_VALUES.items():
        yield patch.of_nothing(what, body.replace(b"%s", field), 404, "")


def _of_form(call: FormCall) -> Iterator[Case]:
    patch = Patch(call.route, call.request(form_bytes(call.enough)), f"{call.name}, ")
    for what, (body, text) in NO_FORM.items():
        yield patch.of_nothing(what, body, 400, text)
    for what, body in WRONG_PARTS.items():
        yield patch.of_nothing(what, body, 404, "")


JSON_CALLS = (*json_cases.CALLS, *(call for call, _ in json_cases.WHOLE_CALLS))
FORM_CALLS = (form_cases.CHANGE, form_cases.PEER_CHANGE, form_cases.REDEPLOY)


def _of_phase(route: str, path: str, name: str) -> Iterator[Case]:
    """Whether a verb needs parts is judged when it is known of what."""
    call = phase_cases.INSTALLATION
    patch = Patch(route, call.request(form_bytes(call.enough)), f"{name}, ", path)
    for what, (body, text) in CUT_FORM.items():
        yield patch.of_nothing(what, body, 400, text)
    for what, body in {"no body": b"", **NO_PARTS, **WRONG_PARTS}.items():
        yield patch.of_nothing(what, body, 404, "")


def cases() -> Iterator[Case]:
    """Every PATCH with a body, of something that is not there."""
    for json_call in JSON_CALLS:
        if json_call.method == "PATCH":
            yield from _of_json(json_call)
    for form_call in FORM_CALLS:
        yield from _of_form(form_call)
    yield from _of_phase(phase_cases.ONE_ROUTE, f"{phase_cases.PATH}/1", "no verb")
    yield from _of_phase(phase_cases.ANY_ROUTE, f"{phase_cases.PATH}/1/fly", "an unknown verb")
    for verb in VERBS:
        yield from _of_phase(phase_cases.VERB_ROUTE, f"{phase_cases.PATH}/1/{verb}", verb)
