"""Requests about deploy files. Source: "Deploy files" in the contract of deployment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from dcapi.errors import BadRequest, ContentTooLarge
from dcapi.models.deploy_file import DEPLOYMENT_PARTS, FilePart
from dcapi.models.limits import RELEASE, is_clean
from dcapi.schemas.base import RequestSchema, load
from dcapi.schemas.fields import Boolean
from dcapi.schemas.playbook_archive import is_archive, why_refused
from dcapi.schemas.subcloud_verbs import shown
from dcapi.services.deploying.deploy_files import NewFile

# Both of them, unless nothing but images is sent.
REQUIRED_PARTS = (FilePart.PLAYBOOK, FilePart.CHART)
# What file systems take, in bytes of UTF-8.
LONGEST_FILE_NAME = 255


class Upload(Protocol):
    """A part of a form that is a file, as it came."""

    @property
    def content(self) -> bytes: ...
    @property
    def file_name(self) -> str: ...
    @property
    def content_type(self) -> str: ...


class DeletionSchema(RequestSchema):
    """Which files of a release are deleted."""

    deployment_files = Boolean("Invalid deployment_files value")
    prestage_images = Boolean("Invalid prestage_images value")


def release_of(given: object, default: str) -> str:
    """The release that a request names, else the default; raises BadRequest for what cannot be one."""
    if given is None or given == "":
        return default
    if not isinstance(given, str) or not RELEASE.fullmatch(given):
        text = shown(given) if isinstance(given, str) and is_clean(given) else "This"
        raise BadRequest(
            f"Error: invalid release version parameter. {text} is not a supported release version ({default})"
        )
    return given


def upload_of(
    texts: Mapping[str, str], files: Mapping[str, Upload], *, release: str, yaml_limit: int
) -> tuple[str, dict[FilePart, NewFile]]:
    """The release and the files of an upload; raises BadRequest and ContentTooLarge.

    ``release`` is the default; ``yaml_limit`` bounds the overrides, in bytes.
    """
    sent = [part for part in FilePart if part in texts or part in files]
    missing = [f"--{part.value}" for part in REQUIRED_PARTS if part not in sent]
    if missing and sent != [FilePart.IMAGES]:
        raise BadRequest(f"error: argument {' '.join(missing)} is required")
    if "release" in files:
        raise BadRequest("Invalid release: it must be a text")
    named = release_of(texts.get("release"), release)
    new = {part: _new_file(part, files.get(part)) for part in sent}
    overrides = new.get(FilePart.OVERRIDES)
    if overrides is not None and len(overrides.content) > yaml_limit:
        raise ContentTooLarge(f"The part {FilePart.OVERRIDES.value} is longer than {yaml_limit} bytes")
    return named, new


def _new_file(part: FilePart, upload: Upload | None) -> NewFile:
    name = "" if upload is None else base_name(upload.file_name)
    if upload is None or name in ("", ".", ".."):
        raise BadRequest(f"No {part.value} file uploaded")
    objection = name_objection(name)
    if objection is not None:
        raise BadRequest(f"Failed to upload {part.value} file: {objection}")
    if part is FilePart.PLAYBOOK and is_archive(upload.content, upload.content_type):
        _check_archive(part, upload.content, name)
    return NewFile(name, upload.content)


def _check_archive(part: FilePart, content: bytes, name: str) -> None:
    reason = why_refused(content, name)
    if reason is not None:
        raise BadRequest(f"Failed to upload {part.value} file: {reason}")


def base_name(path: str) -> str:
    """What follows the last separator of a path, of whatever system its sender has."""
    return path.replace("\\", "/").rpartition("/")[2]


def name_objection(name: str) -> str | None:
    """Why no file can have this base name; None when one can."""
    if is_clean(name) and len(name.encode()) <= LONGEST_FILE_NAME:
        return None
    return f"its name has control characters, or more than {LONGEST_FILE_NAME} bytes"


def deleted_parts(query: Mapping[str, str]) -> tuple[FilePart, ...]:
    """The files that the query of a DELETE names: all of them when it names none; raises BadRequest."""
    asked = load(DeletionSchema(), query)
    files, images = asked.get("deployment_files", False), asked.get("prestage_images", False)
    if not files and not images:
        return tuple(FilePart)
    return (*(DEPLOYMENT_PARTS if files else ()), *((FilePart.IMAGES,) if images else ()))
