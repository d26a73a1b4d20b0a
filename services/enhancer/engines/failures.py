"""Decoders explain themselves in sentences only: their words, read as problem codes."""

import errno
import re

from shared.errors import Permanent, Problem, Transient

OUT_OF_MEMORY = re.compile(
    r"out of memory|insufficient memory|not enough memory|cannot allocate|can't allocate|unable to allocate"
    r"|failed to allocate|memory allocation|bad_alloc|MemoryError|error creating thread|no space for",
    re.IGNORECASE,
)
TRUNCATED = re.compile(
    r"premature end|truncated|unexpected end|end of (file|stream)|unexpected eof|not enough (data|image data|bytes)"
    r"|read error|short read|bad seek|seek error|insufficient data",
    re.IGNORECASE,
)
NO_SPACE = re.compile(r"no space left|disk quota", re.IGNORECASE)
DETAIL_CHARACTERS_MAX = 200


def problem_of_decoder(words: str) -> Problem:
    """Name what a decoder or encoder complained about: out_of_memory, storage_full, truncated or decode_failed."""
    detail = " ".join(words.split())[:DETAIL_CHARACTERS_MAX]
    if OUT_OF_MEMORY.search(words):
        return Permanent("out_of_memory", f"The picture needs more memory than one image may have: {detail}")
    if NO_SPACE.search(words):
        return Transient("storage_full", "There is no space left for images.")
    if TRUNCATED.search(words):
        return Permanent("truncated", "The file ends before the picture does.")
    return Permanent("decode_failed", f"The picture does not decode: {detail}")


def problem_of_files(error: OSError) -> Problem:
    """Name why the source could not be read or the output not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Transient("storage_full", "There is no space left for images.")
    if error.errno == errno.EFBIG:
        return Permanent("encode_failed", "The result is larger than an output may be.")
    return Transient("internal_error", f"A file could not be read or written: {error.strerror}.")
