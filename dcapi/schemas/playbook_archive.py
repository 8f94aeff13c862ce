"""Whether a zipped playbook may be kept. It is read through and never unpacked here; who unpacks it later
must meet no path that leads out, no link and no flood."""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib

from dcapi.models.limits import is_clean

MEDIA_TYPE = "application/zip"
# How a zip begins, one without members too.
SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
MOST_MEMBERS = 2000
LARGEST_UNPACKED = 64 * 1024 * 1024
CHUNK = 256 * 1024
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1
DRIVE = re.compile(r"[A-Za-z]:")
YAML_ENDINGS = (".yml", ".yaml")
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)


def is_archive(content: bytes, content_type: str) -> bool:
    """Whether a file is a zip, by what its sender says or by how it begins."""
    return content_type.partition(";")[0].strip().lower() == MEDIA_TYPE or content.startswith(SIGNATURES)


def why_refused(content: bytes, file_name: str) -> str | None:
    """What is wrong with a zipped playbook of that base name; None when nothing is."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            return _wrong_as_a_whole(members, file_name) or _wrong_in_one(members) or _too_large(archive)
    except BROKEN:
        return "it is no readable zip archive"


def _wrong_as_a_whole(members: list[zipfile.ZipInfo], file_name: str) -> str | None:
    if len(members) > MOST_MEMBERS:
        return f"it has more than {MOST_MEMBERS} members"
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        return "a member occurs twice"
    return None if any(_is_main(name, file_name) for name in names) else "its playbook is not at its top"


def _is_main(member: str, file_name: str) -> bool:
    """The client names an archive as the playbook that it zipped; another one may be named as a zip is."""
    if file_name.lower().endswith(".zip") and "/" not in member:
        return member == file_name or member.lower().endswith(YAML_ENDINGS)
    return member == file_name


def _wrong_in_one(members: list[zipfile.ZipInfo]) -> str | None:
    return next((wrong for member in members if (wrong := _wrong_in(member)) is not None), None)


def _wrong_in(member: zipfile.ZipInfo) -> str | None:
    if not is_clean(member.orig_filename):
        return "the name of a member has control characters"
    path = member.orig_filename.replace("\\", "/")
    if path.startswith("/") or DRIVE.match(path) or ".." in path.split("/"):
        return "the path of a member leads out of the archive"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a member is a link, or no file"
    if member.flag_bits & ENCRYPTED or member.compress_type not in METHODS:
        return "a member is encrypted, or not deflated"
    return None


def _too_large(archive: zipfile.ZipFile) -> str | None:
    """Sizes that an archive claims are not believed: every member is read, up to the limit of all."""
    left = LARGEST_UNPACKED
    if sum(member.file_size for member in archive.infolist()) <= left:
        for member in archive.infolist():
            with archive.open(member) as stream:
                while chunk := stream.read(CHUNK):
                    left -= len(chunk)
        return None
    return f"it is larger than {LARGEST_UNPACKED // 2**20} MiB when it is unpacked"
