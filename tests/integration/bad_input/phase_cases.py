"""Malformed requests of a deployment phase by phase."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dcapi.services.deploying.phased_verbs import VERBS
from tests.integration.bad_input import world
from tests.integration.bad_input.calls import (
    BOUNDARY,
    FORM_TYPE,
    Case,
    File,
    Parts,
    Request,
    form_bytes,
    yaml_file,
)
from tests.integration.bad_input.form_cases import (
    BOOTSTRAP_VALUES,
    INSTALL,
    NEW_VALUES,
    NO_ADDRESSES,
    NO_BASE64,
    NO_BOOLEANS,
    NO_GROUPS,
    NO_LINES,
    NO_NAMES,
    NO_TEXTS,
    YAML_DOCUMENTS,
    FormCall,
    Wrong,
)
from tests.integration.bad_input.install_values import WRONG_INSTALL_VALUES
from tests.subcloud_forms import ADDRESS, PASSWORD, bootstrap_values

PATH = "/phased-subcloud-deploy"
CREATE_ROUTE, COLLECTION_ROUTE = f"POST {PATH}", f"PATCH {PATH}"
ONE_ROUTE, ANY_ROUTE = f"PATCH {PATH}/<reference>", f"PATCH {PATH}/<reference>/<verb>"
VERB_ROUTE = f"PATCH {PATH}/<reference>/<any({', '.join(VERBS)}):verb>"

# Further parts that a part needs, a good value of it, wrong ones.
Part = tuple[Parts, str | File, Wrong]

CONFIG = File(b"kind: Host\n")
VALUES = yaml_file(bootstrap_values(6))
NO_RELEASES: Wrong = {**NO_TEXTS, "a slash": "24/09", "a way out": "..", "a blank": "24 09"}
NO_CONFIGS: Wrong = {"a text": "a: 1", "not UTF-8": File(b"\xff"), "a NUL": File(b"\0")}
YES: Wrong = {**NO_BOOLEANS, "true": "true"}

RELEASE: Part = ({}, "25.09", NO_RELEASES)
AN_ADDRESS: Part = ({}, ADDRESS, NO_ADDRESSES)
A_PASSWORD: Part = ({}, PASSWORD, {**NO_BASE64, "nothing": ""})
BMC_PASSWORD: Part = (INSTALL, PASSWORD, NO_BASE64)
A_CONFIG: Part = ({}, CONFIG, NO_CONFIGS)
WITH_PASSWORD: Parts = {"sysadmin_password": PASSWORD}

# Wrong texts in the place of bootstrap values.
TEXTS: dict[str, Any] = {
    "name": ({}, world.CREATED, {**NO_NAMES, "another's": world.FREE}),
    "system_mode": ({}, "simplex", {**NO_TEXTS, "another word": "triplex"}),
    "management_subnet": (
        {},
        "10.70.6.0/24",
        {**NO_TEXTS, "no subnet": "10.70.6.1", "short": "10.70.6.0/30"},
    ),
}


def verb_call(verb: str, subcloud: str, enough: Parts, parts: Mapping[str, Any]) -> FormCall:
    return FormCall(VERB_ROUTE, f"{PATH}/{subcloud}/{verb}", enough, parts, verb)


CREATE = FormCall(
    CREATE_ROUTE,
    PATH,
    {"bootstrap_values": NEW_VALUES, "bootstrap-address": ADDRESS},
    {
        "bootstrap-address": AN_ADDRESS,
        "bmc_password": BMC_PASSWORD,
        "group_id": ({}, "coast", NO_GROUPS),
        "release": RELEASE,
        "deploy_config": A_CONFIG,
        "name": ({}, "quay-west", NO_NAMES),
        "description": ({}, "Quay\n9", NO_LINES),
        "secondary": ({}, "false", YES),
        "migrate": ({}, "false", YES),
        "enroll": ({}, "false", YES),
    },
    "create",
)
INSTALLATION = verb_call(
    "install",
    world.CREATED,
    WITH_PASSWORD,
    {
        "sysadmin_password": ({**INSTALL, "bmc_password": PASSWORD}, *A_PASSWORD[1:]),
        "bmc_password": BMC_PASSWORD,
    }
    | {"release": RELEASE},
)
BOOTSTRAP = verb_call(
    "bootstrap",
    world.CREATED,
    WITH_PASSWORD,
    {"sysadmin_password": ({"bootstrap_values": VALUES}, *A_PASSWORD[1:]), "bootstrap-address": AN_ADDRESS}
    | TEXTS,
)
CONFIGURE = verb_call(
    "configure",
    world.OFFLINE,
    {**WITH_PASSWORD, "deploy_config": CONFIG},
    {"sysadmin_password": A_PASSWORD, "bootstrap-address": AN_ADDRESS, "deploy_config": A_CONFIG},
)
RESUME = verb_call(
    "resume",
    world.CREATED,
    WITH_PASSWORD,
    {
        "sysadmin_password": (
            {"bootstrap_values": VALUES, **INSTALL, "bmc_password": PASSWORD},
            *A_PASSWORD[1:],
        ),
        "bootstrap-address": AN_ADDRESS,
        "bmc_password": BMC_PASSWORD,
        "release": RELEASE,
        "deploy_config": A_CONFIG,
    }
    | TEXTS,
)
# Verbs whose parts do not count, but for their form.
COMPLETE = verb_call("complete", world.BOOTSTRAPPED, {}, {})
ABORT = verb_call("abort", world.INSTALLING, {}, {})

# Call → the documents that it reads.
READERS = (
    (CREATE, ("bootstrap_values", "install_values")),
    (INSTALLATION, ("install_values",)),
    (BOOTSTRAP, ("bootstrap_values",)),
    (RESUME, ("bootstrap_values", "install_values")),
)
# Said of a request without parts.
NOTHING_SENT = {
    CREATE.name: "Body required",
    INSTALLATION.name: "Body required",
    BOOTSTRAP.name: "subcloud sysadmin_password required",
    CONFIGURE.name: "Body required",
    RESUME.name: "subcloud sysadmin_password required",
}
# The calls of which no part counts are well-formed without any.
WITHOUT_PARTS = ("no body", "no parts")


def _body_cases(call: FormCall) -> Iterator[Case]:
    """What is wrong with a body as a whole; a verb that needs none takes one without parts."""
    said = NOTHING_SENT.get(call.name)
    if said is not None:
        yield call.case("no parts", f"--{BOUNDARY}--\r\n".encode(), text=said)
        yield from call.type_cases()
    filled = FormCall(call.route, call.path, call.enough or {"a": "x"}, {}, call.name)
    yield from (case for case in filled.body_cases() if not case.name.endswith(WITHOUT_PARTS))


def _document_cases(call: FormCall, names: tuple[str, ...]) -> Iterator[Case]:
    for what, document in YAML_DOCUMENTS.items():
        for name in names:
            yield call.case(f"{name} are {what}", form_bytes({**call.enough, name: File(document)}))


def _install_value_cases(call: FormCall) -> Iterator[Case]:
    base = {**call.enough, "bmc_password": PASSWORD}
    for what, values in WRONG_INSTALL_VALUES.items():
        bad = form_bytes({**base, "install_values": yaml_file(values)})
        yield call.case(f"install values with {what}", bad, form_bytes({**base, **INSTALL}))
    yield call.case("install values without a password", form_bytes({**call.enough, **INSTALL}))


def _bootstrap_value_cases(call: FormCall, number: int) -> Iterator[Case]:
    for what, changes in BOOTSTRAP_VALUES.items():
        if call is not CREATE and "group" in what:
            continue  # it means nothing to a phase
        values = yaml_file(bootstrap_values(number, **changes))
        yield call.case(
            f"bootstrap values with {what}", form_bytes({**call.enough, "bootstrap_values": values})
        )


def _nowhere_cases() -> Iterator[Case]:
    """Requests that name no subcloud or no verb, which nobody can get right."""
    twin = INSTALLATION.request(form_bytes(WITH_PASSWORD))
    for what, path in {"nothing": "", "a slash": "/"}.items():
        for kind, body in {"parts": form_bytes(WITH_PASSWORD), "no body": b"", "garbage": b"\xff"}.items():
            bad = Request("PATCH", f"{PATH}{path}", body, FORM_TYPE)
            yield Case(COLLECTION_ROUTE, f"{what}, {kind}", bad, twin, text="Subcloud ID required")
    words = {
        "no verb": (ONE_ROUTE, world.CREATED),
        "an unknown one": (ANY_ROUTE, f"{world.CREATED}/fly"),
        "a verb in capitals": (ANY_ROUTE, f"{world.CREATED}/INSTALL"),
    }
    for what, (route, path) in words.items():
        for kind, body in {"parts": form_bytes(WITH_PASSWORD), "no body": b""}.items():
            bad = Request("PATCH", f"{PATH}/{path}", body, FORM_TYPE)
            yield Case(route, f"{what}, {kind}", bad, twin, text="Invalid request")
        broken = Request("PATCH", f"{PATH}/{path}", form_bytes(WITH_PASSWORD)[:-9], FORM_TYPE)
        yield Case(route, f"{what}, a cut form", broken, twin, text="Invalid multipart body")


def _reference_cases() -> Iterator[Case]:
    twin = INSTALLATION.request(form_bytes(WITH_PASSWORD))
    unknown = {"an unknown id": "999", "an id beyond 64 bits": str(2**64), "a NUL": "%00", "a blank": "%20"}
    for what, reference in {**unknown, "a region name": "quays-north", "upper case": "Quay-6"}.items():
        bad = Request("PATCH", f"{PATH}/{reference}/install", form_bytes(WITH_PASSWORD), FORM_TYPE)
        yield Case(VERB_ROUTE, f"of {what}", bad, twin, 404, "Subcloud not found")
    for method in ("GET", "PUT", "DELETE"):
        bad = Request(method, f"{PATH}/{world.CREATED}/install")
        yield Case(VERB_ROUTE, f"{method} of a verb", bad, twin, 405)


def cases() -> Iterator[Case]:
    """Every malformed request about phases."""
    for call in (CREATE, INSTALLATION, BOOTSTRAP, CONFIGURE, RESUME, COMPLETE, ABORT):
        yield from call.part_cases()
        yield from _body_cases(call)
    for call, names in READERS:
        yield from _document_cases(call, names)
    for call in (CREATE, INSTALLATION, RESUME):
        yield from _install_value_cases(call)
    for call, number in ((CREATE, world.NEW), (BOOTSTRAP, 6), (RESUME, 6)):
        yield from _bootstrap_value_cases(call, number)
    yield from _nowhere_cases()
    yield from _reference_cases()
