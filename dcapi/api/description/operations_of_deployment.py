"""The calls of a deployment phase by phase, and of the files that it takes."""

from __future__ import annotations

from dcapi.api.description.forms import (
    DEPLOY_FILE_PARTS,
    NEW_PHASED_FIELDS,
    NEW_PHASED_PARTS,
    PHASE_PARTS,
    DeployFilesForm,
    NewSubcloudForm,
    phase_form,
)
from dcapi.api.description.operation import (
    APPLIED,
    BROKEN_RULE,
    FORM,
    PREFER,
    UNDER_WAY,
    Body,
    Operation,
    Table,
)
from dcapi.api.description.responses import NULL, named, record
from dcapi.schemas.phased_deploy import VERB_PARTS

RELEASE_REFUSED = "The release cannot be one."
NOTHING_STORED = "Nothing is stored of the release."

DEPLOY_FILES: Table = {
    **{
        f"GET /v1.0/subcloud-deploy{path}": Operation(
            f"Show the names of the deploy files of {of}",
            record({"subcloud_deploy": named("DeployFiles")}),
            errors={400: RELEASE_REFUSED},
        )
        for path, of in (("", "this site's release"), ("/{reference}", "a release"))
    },
    "POST /v1.0/subcloud-deploy": Operation(
        "Upload deploy files, each in the place of the one before",
        named("UploadedFiles"),
        description="No content is ever answered, and no playbook run by this service.",
        bodies=(
            Body(
                "DeployFilesUpload",
                lambda _: DeployFilesForm(),
                media_type=FORM,
                beside=DEPLOY_FILE_PARTS,
                required=(),
            ),
        ),
    ),
    **{
        f"DELETE /v1.0/subcloud-deploy{path}": Operation(
            f"Delete deploy files of {of}",
            NULL,
            parameters=("DeploymentFiles", "PrestageImages"),
            errors={400: BROKEN_RULE, 404: NOTHING_STORED},
        )
        for path, of in (("", "this site's release"), ("/{reference}", "a release"))
    },
}

PHASED = "/v1.0/phased-subcloud-deploy"
SUMMARIES = {
    "install": "Install a subcloud, in the background",
    "bootstrap": "Bootstrap a subcloud, in the background",
    "configure": "Configure a subcloud, in the background",
    "complete": "Take a subcloud for deployed that was configured by hand",
    "abort": "Abort the phase of a deployment that runs, in the background",
    "enroll": "Take over a node that runs already, in the background",
    "resume": "Run the phases that are left of a deployment, in the background",
}
STORED = "Stored values stand in for values that are not sent; a refused request stores nothing."


def _verb(verb: str) -> Operation:
    parts = VERB_PARTS[verb]
    body = Body(
        f"Phase{verb.capitalize()}",
        lambda _: phase_form(parts),
        media_type=FORM,
        beside={name: schema for name, schema in PHASE_PARTS.items() if name in parts},
        required=(),
    )
    return Operation(
        SUMMARIES[verb],
        named("Subcloud"),
        parameters=(PREFER,),
        headers=(APPLIED,),
        description=STORED if parts else "Takes no body; parts are ignored.",
        bodies=(body,) if parts else (),
        errors={400: BROKEN_RULE, 409: UNDER_WAY},
    )


PHASES: Table = {
    f"POST {PHASED}": Operation(
        "Create a subcloud that is deployed phase by phase",
        named("Subcloud"),
        parameters=(PREFER,),
        headers=(APPLIED,),
        description="The answer waits for the end of the creation, for a minute at most.",
        bodies=(
            Body(
                "PhasedSubcloudCreate",
                lambda _: NewSubcloudForm(only=NEW_PHASED_FIELDS),
                media_type=FORM,
                beside=NEW_PHASED_PARTS,
                required=("bootstrap_values", "bootstrap-address"),
            ),
        ),
        errors={409: "The name is taken."},
    ),
    f"PATCH {PHASED}": Operation("Refused: it names no subcloud", NULL, errors={400: "Always."}),
    f"PATCH {PHASED}/{{reference}}": Operation("Refused: it names no verb", NULL, errors={400: "Always."}),
    f"PATCH {PHASED}/{{reference}}/{{verb}}": Operation(
        "Refused: there is no such verb", NULL, parameters=("Verb",), errors={400: "Always."}
    ),
    **{f"PATCH {PHASED}/{{reference}}/{verb}": _verb(verb) for verb in SUMMARIES},
}
