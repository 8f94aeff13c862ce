"""Whether a file can be a tar, compressed or not, from its first block alone; nothing is unpacked.

The library's own look reads what follows the first header in full, and a few bytes may say that this takes
gigabytes.
"""

from __future__ import annotations

import bz2
import lzma
import tarfile
import zlib
from collections.abc import Callable

# A small file may ask for this much memory to be read; what ``xz -9`` writes takes 65 MiB.
XZ_MEMORY = 128 * 1024 * 1024
BROKEN = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)


def _unzipped(content: bytes) -> bytes:
    return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content, tarfile.BLOCKSIZE)


def _unbzipped(content: bytes) -> bytes:
    return bz2.BZ2Decompressor().decompress(content, tarfile.BLOCKSIZE)


def _unxzipped(content: bytes) -> bytes:
    return lzma.LZMADecompressor(memlimit=XZ_MEMORY).decompress(content, tarfile.BLOCKSIZE)


# How a compressed file begins → what reads its first block.
READERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": _unzipped,
    b"BZh": _unbzipped,
    b"\xfd7zXZ\0": _unxzipped,
    b"\x5d\0\0": _unxzipped,
}


def is_tar(content: bytes) -> bool:
    """Whether this begins as a tar does, as it is or compressed by gzip, bzip2 or xz."""
    block = content[: tarfile.BLOCKSIZE]
    if _is_header(block):
        return True
    read = next((read for mark, read in READERS.items() if content.startswith(mark)), None)
    try:
        return read is not None and _is_header(read(content))
    except BROKEN:
        return False


def _is_header(block: bytes) -> bool:
    """Whether a block is the header of a member, or one of those that end a tar: it may be empty."""
    if block == bytes(tarfile.BLOCKSIZE):
        return True
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
