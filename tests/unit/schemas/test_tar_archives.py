"""What is taken for a tar, and that a look at one takes little memory whatever it says of itself."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
from collections.abc import Callable

import pytest

from dcapi.schemas.tar_archives import is_tar

MEBIBYTE = 1024 * 1024
# xz needs a dictionary to unpack anything.
MOST_MEMORY = 10 * MEBIBYTE
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
compressed = pytest.mark.parametrize("compress", COMPRESSIONS.values(), ids=COMPRESSIONS)


def a_tar(*names: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return made.getvalue()


def a_bomb(kind: bytes, size: int) -> bytes:
    """A tar whose first member is a header that goes on for so many bytes."""
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.USTAR_FORMAT) + bytes(size)


@compressed
@pytest.mark.parametrize("names", [(), ("a",), ("a" * 300, "b")], ids=["empty", "one", "long name"])
def test_a_tar_is_one_however_it_is_compressed(
    compress: Callable[[bytes], bytes], names: tuple[str, ...]
) -> None:
    assert is_tar(compress(a_tar(*names)))


@compressed
@pytest.mark.parametrize("content", [b"", b"x", b"no tar" * 200, bytes(511)])
def test_what_is_no_tar_is_none(compress: Callable[[bytes], bytes], content: bytes) -> None:
    assert not is_tar(compress(content))


@pytest.mark.parametrize("compress", list(COMPRESSIONS.values())[1:], ids=list(COMPRESSIONS)[1:])
def test_a_compressed_tar_that_is_cut_off_at_once_is_none(compress: Callable[[bytes], bytes]) -> None:
    content = compress(a_tar("a"))
    assert not is_tar(content[:8])
    assert not is_tar(content[:10] + b"\xff" * 100)


@pytest.mark.parametrize("compress", list(COMPRESSIONS.values())[1:], ids=list(COMPRESSIONS)[1:])
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_small_tar_whose_header_is_huge_takes_no_memory(
    compress: Callable[[bytes], bytes], kind: bytes
) -> None:
    bomb = compress(a_bomb(kind, 32 * MEBIBYTE))
    tracemalloc.start()
    try:
        is_tar(bomb)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
