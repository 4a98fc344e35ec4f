"""Entries of ZIP archives, also those that zstd compressed, which Python's `zipfile` reads since version 3.14 only."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

from bench_suite.contracts import BenchError

ZSTD = 93
"Number of the method in the ZIP format."
MAX_ENTRY = 1 << 28
"Most bytes of an entry, uncompressed."
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> bytes:
    """Return the content of an entry of an archive.

    Args:
        archive: opened for reading.
        entry: one of its entries.
        name: what errors call the archive.

    Raises:
        BenchError: the entry is too large, is damaged, or is compressed in another way.
    """
    if entry.file_size > MAX_ENTRY:
        raise BenchError(f"{name}: {entry.filename} has {entry.file_size:,} bytes, and {MAX_ENTRY:,} are allowed")
    try:
        if entry.compress_type != ZSTD:
            return archive.read(entry)
        return _decompressed(archive, entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError, zlib.error) as error:
        raise BenchError(f"{name}: {entry.filename} cannot be unpacked (is the file complete?): {error}") from error


def _decompressed(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    import pyarrow as pa

    file = archive.fp
    if file is None:
        raise ValueError("the archive is closed")
    file.seek(entry.header_offset)
    header = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    if header[0] != b"PK\x03\x04":
        raise ValueError("its header is damaged")
    file.seek(header[9] + header[10], 1)  # its name, and further fields
    packed = file.read(entry.compress_size)
    with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
        content = bytes(stream.read(MAX_ENTRY + 1))
    if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
        raise ValueError("its checksum is wrong")
    return content


def open_archive(path: Path) -> zipfile.ZipFile:
    """Return an archive, opened for reading.

    Raises:
        BenchError: it is no ZIP archive.
    """
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise BenchError(f"{path.name} is no archive (is it complete?): {error}") from error
