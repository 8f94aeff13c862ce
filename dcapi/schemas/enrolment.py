"""What a form says of an enrolment. Source: "Enroll" in the contract of deployment."""

from __future__ import annotations

from collections.abc import Mapping

from dcapi.deploy.port import NamedFile
from dcapi.schemas.deploy_files import Upload, base_name, name_objection
from dcapi.schemas.fields import BOOLEAN_WORDS
from dcapi.schemas.subcloud_verbs import shown
from dcapi.schemas.tar_archives import is_tar
from dcapi.services.deploying.enrolment import PART
from dcapi.services.inventory.inputs import Enrolment

NO_FILE = "No cloud-init-config file uploaded"


def enrolment_of(texts: Mapping[str, str], files: Mapping[str, Upload]) -> Enrolment:
    """What is asked for. What is wrong with it is said in its turn, after what else has to be there."""
    on_site = texts.get("on_site", "").lower()
    archive, error = _archive(files.get(PART), is_text=bool(texts.get(PART)))
    return Enrolment(
        on_site=on_site == "true",
        on_site_error=_boolean_error(texts.get("on_site", "")),
        archive=archive,
        archive_error=error,
    )


def _boolean_error(text: str) -> str | None:
    if text == "" or text.lower() in BOOLEAN_WORDS:
        return None
    return f"Invalid boolean string: {shown(text)}. Valid options are true and false."


def _archive(upload: Upload | None, *, is_text: bool) -> tuple[NamedFile | None, str | None]:
    """The archive of scripts, and what is wrong with it."""
    if upload is None:
        return None, NO_FILE if is_text else None
    name = base_name(upload.file_name)
    if name in ("", ".", ".."):
        return None, NO_FILE
    objection = name_objection(name)
    if objection is not None:
        return None, f"Failed to upload {PART} file: {objection}"
    if not is_tar(upload.content):
        return None, f"{name} is not a valid tar archive."
    return NamedFile(PART, name, upload.content), None
