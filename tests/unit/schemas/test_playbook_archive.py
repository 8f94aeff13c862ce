"""What of a zipped playbook is refused, so that nobody who unpacks it later is led astray."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping

import pytest

from dcapi.schemas import playbook_archive
from dcapi.schemas.playbook_archive import LARGEST_UNPACKED, MOST_MEMBERS, is_archive, why_refused

MAIN = "site.yml"


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def with_mode(mode: int) -> bytes:
    made = io.BytesIO()
    member = zipfile.ZipInfo("roles/a")
    member.external_attr = mode << 16
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(MAIN, b"-")
        archive.writestr(member, b"/etc/passwd")
    return made.getvalue()


def beside(name: str, content: bytes = b"x") -> bytes:
    return zipped({MAIN: b"- hosts: all\n", name: content})


GOOD = beside("roles/dm/tasks/main.yml")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (GOOD, MAIN),
        (zipped({"books.zip": b"-", "roles/": b""}), "books.zip"),
        (GOOD, "books.ZIP"),
        (zipped({MAIN: b"-"}, zipfile.ZIP_STORED), MAIN),
        (with_mode(stat.S_IFREG | 0o644), MAIN),
        (beside("roles/..a/b..yml"), MAIN),
    ],
)
def test_a_playbook_with_its_roles_may_be_kept(content: bytes, name: str) -> None:
    assert why_refused(content, name) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"- hosts: all\n", "no readable zip"),
        (b"PK\x03\x04", "no readable zip"),
        (GOOD[:-30], "no readable zip"),
        (zipped({MAIN: b"- hosts"}, zipfile.ZIP_STORED).replace(b"- hosts", b"+ hosts"), "no readable zip"),
        (zipped({}), "not at its top"),
        (zipped({f"x/{MAIN}": b"-"}), "not at its top"),
        (beside("/etc/cron.d/x"), "leads out"),
        (beside("../x"), "leads out"),
        (beside("roles/../../x"), "leads out"),
        (beside("roles\\..\\..\\x"), "leads out"),
        (beside("\\x"), "leads out"),
        (beside("C:x"), "leads out"),
        (beside("a\x1bb"), "control characters"),
        (beside("aXb").replace(b"aXb", b"a\0b"), "control characters"),
        (with_mode(stat.S_IFLNK | 0o777), "a link"),
        (with_mode(stat.S_IFCHR | 0o600), "a link"),
        (zipped({MAIN: b"-"}, zipfile.ZIP_BZIP2), "not deflated"),
        (zipped({MAIN: b"-"}, zipfile.ZIP_LZMA), "not deflated"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_archive_that_could_do_harm_is_refused(content: bytes, reason: str) -> None:
    assert reason in (why_refused(content, MAIN) or "")


def test_a_member_that_occurs_twice_is_refused() -> None:
    other = MAIN.replace("s", "S")
    twice = beside(other).replace(other.encode(), MAIN.encode())
    assert why_refused(twice, MAIN) == "a member occurs twice"


def test_members_are_counted() -> None:
    members = {MAIN: b"-", **{f"roles/{number}": b"" for number in range(MOST_MEMBERS - 1)}}
    assert why_refused(zipped(members), MAIN) is None
    assert "2000 members" in (why_refused(zipped({**members, "one": b""}), MAIN) or "")


def test_a_flood_is_refused_before_it_is_unpacked() -> None:
    flood = {MAIN: b"-", "a": bytes(LARGEST_UNPACKED)}
    assert why_refused(zipped(flood), MAIN) == "it is larger than 64 MiB when it is unpacked"


def test_an_archive_that_lies_about_its_size_is_no_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playbook_archive, "LARGEST_UNPACKED", 1000)
    content = beside("a", bytes(900))
    assert why_refused(content, MAIN) is None
    lying = content.replace((900).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    assert lying != content
    assert why_refused(lying, MAIN) == "it is no readable zip archive"


def test_an_encrypted_archive_is_refused() -> None:
    content = bytearray(zipped({MAIN: b"-"}, zipfile.ZIP_STORED))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert why_refused(bytes(content), MAIN) == "a member is encrypted, or not deflated"


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"- hosts: all", "", False),
        (b"- hosts: all", "application/zip", True),
        (b"- hosts: all", "Application/ZIP; x=y", True),
        (b"PK\x03\x04", "", True),
        (b"PK\x05\x06", "text/plain", True),
        (b"", "", False),
    ],
)
def test_a_zip_is_known_by_its_type_or_its_beginning(
    content: bytes, content_type: str, expected: bool
) -> None:
    assert is_archive(content, content_type) is expected
