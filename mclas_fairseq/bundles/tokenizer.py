"""The tokenizer of a bundle, without traces of where it was learned.

A sentencepiece model keeps the options of its training beside its pieces: paths of input files, the
prefix of its name, sample texts for self-tests. None of them changes how text is cut. They are left
out by walking over the model's protocol buffer, whose fields are copied byte for byte otherwise
(encoding: https://protobuf.dev/programming-guides/encoding/; field numbers:
`sentencepiece_model.proto` of sentencepiece 0.2).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from mclas_fairseq.corpus.tokenizers import Tokenizer
from mclas_fairseq.corpus.tokenizers.subword_sentencepiece import MODEL_FILE
from mclas_fairseq.errors import DataError

_TRAINER_SPEC = 2  # fields of ModelProto
_SELF_TEST_DATA = 4
_FILES = frozenset({1, 2, 54})  # of TrainerSpec: input, model_prefix, seed_sentencepieces_file
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write a tokenizer into `folder`, its sentencepiece models without traces.

    Raises:
        DataError: a sentencepiece model cannot be read.
    """
    tokenizer.save(folder)
    for path in sorted(folder.rglob(MODEL_FILE)):
        try:
            path.write_bytes(without_traces(path.read_bytes()))
        except (IndexError, ValueError) as error:
            raise DataError(
                f"tokenizer: its {MODEL_FILE} must be a sentencepiece model, but cannot be read"
                f" ({error}); prepare the data-bin again with mclas prepare"
            ) from error


def without_traces(model: bytes) -> bytes:
    """A sentencepiece model without paths and sample texts.

    Raises:
        ValueError, IndexError: it is no protocol buffer.
    """

    def keep(field: int, content: bytes) -> bytes | None:
        if field == _SELF_TEST_DATA:
            return None
        return _filter(content, _without_files) if field == _TRAINER_SPEC else content

    return _filter(model, keep)


def _without_files(field: int, content: bytes) -> bytes | None:
    return None if field in _FILES else content


def _filter(message: bytes, keep: Callable[[int, bytes], bytes | None]) -> bytes:
    """Copy a message; `keep` returns what stands in a field of bytes instead, None for nothing."""
    parts = []
    for start, field, end, content in _fields(message):
        if content is None:
            parts.append(message[start:end])
            continue
        kept = keep(field, content)
        if kept is not None:
            parts.append(_varint(field << 3 | _BYTES) + _varint(len(kept)) + kept)
    return b"".join(parts)


def _fields(message: bytes) -> Iterator[tuple[int, int, int, bytes | None]]:
    """Yield (start, number, end, content) of each field; no content where it is a number."""
    at = 0
    while at < len(message):
        start = at
        key, at = _read_varint(message, at)
        wire, content = key & 7, None
        if wire == _VARINT:
            _, at = _read_varint(message, at)
        elif wire == _BYTES:
            length, at = _read_varint(message, at)
            content = message[at : at + length]
            at += length
        elif wire in (_FIXED64, _FIXED32):
            at += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire} at byte {start}")
        if at > len(message):
            raise ValueError(f"it ends within the field at byte {start}")
        yield start, key >> 3, at, content


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
