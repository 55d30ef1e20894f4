"""Text to the pieces that a translation model of fairseq's was trained on, and back.

What is found beside the model decides, as in fairseq's hub: byte-pair codes (`bpecodes` or `code`)
mean words by the rules of Moses, cut by fastBPE or subword-nmt, whichever wrote the codes; a
sentencepiece model (`sentencepiece.bpe.model` or `spm.model`) takes the text as it is. The work is
done by fairseq's own encoders, so that pieces are those of `fairseq-interactive --tokenizer moses`.
"""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from fairseq.data.encoders.fastbpe import fastBPE, fastBPEConfig
from fairseq.data.encoders.moses_tokenizer import MosesTokenizer, MosesTokenizerConfig
from fairseq.data.encoders.sentencepiece_bpe import SentencepieceBPE, SentencepieceConfig
from fairseq.data.encoders.subword_nmt_bpe import SubwordNMTBPE, SubwordNMTBPEConfig
from fairseq.tokenizer import tokenize_line

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.extras import require

CODES_NAMES = ("bpecodes", "code")
SENTENCEPIECE_NAMES = ("sentencepiece.bpe.model", "spm.model")
_NOT_TEXT = frozenset({"<s>", "</s>", "<pad>", "<blank>"})


def find_subwords(folder: Path) -> Path:
    """Return the file in `folder` that says how words are cut.

    Raises:
        ConfigError: there is none.
    """
    names = (*CODES_NAMES, *SENTENCEPIECE_NAMES)
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(
        f"{folder}: must hold {', '.join(names[:-1])} or {names[-1]}, which the model was trained "
        "with, but holds none; copy the file there"
    )


@dataclass(frozen=True)
class Pieces:
    """Cuts lines into pieces and joins pieces to lines.

    Attributes:
        subwords: fairseq's encoder for pieces of words.
        words: fairseq's encoder for words; None where pieces are cut from plain text.
    """

    subwords: Any
    words: Optional[Any] = None

    @classmethod
    def load(cls, path: Path, source_lang: str, target_lang: str) -> "Pieces":
        """Read codes or a sentencepiece model, found by `find_subwords`.

        Args:
            path: the file.
            source_lang: language of the lines that `encode` gets.
            target_lang: language of the lines that `decode` returns.

        Raises:
            ConfigError: the file is neither kind of codes, or no sentencepiece model.
            SetupError: it is for fastBPE, which is not installed.
        """
        if path.name in SENTENCEPIECE_NAMES:
            return cls(_load_sentencepiece(path))
        moses = MosesTokenizerConfig(
            source_lang=source_lang.split("-")[0], target_lang=target_lang.split("-")[0]
        )
        return cls(_load_codes(path), MosesTokenizer(moses))

    def encode(self, line: str) -> list[str]:
        """Return the pieces of a line, without an end of sentence."""
        if self.words is not None:
            line = self.words.encode(line)
        # Separated as fairseq's dictionary separates them.
        pieces: list[str] = tokenize_line(self.subwords.encode(line))
        return pieces

    def decode(self, pieces: Sequence[str]) -> str:
        """Return the line of `pieces`; an unknown word stays visible as `<unk>`."""
        text = " ".join(piece for piece in pieces if piece not in _NOT_TEXT)
        line: str = self.subwords.decode(text)
        if self.words is not None:
            line = self.words.decode(line)
        return line


def _load_codes(path: Path) -> Any:
    columns = _columns(path)
    if columns == 3:
        require("fastBPE", extra="roundtrip", purpose=f"{path}: codes of fastBPE")
        return fastBPE(fastBPEConfig(bpe_codes=str(path)))
    # It warns on standard error that a file is opened without being closed.
    with contextlib.redirect_stderr(io.StringIO()):
        return SubwordNMTBPE(SubwordNMTBPEConfig(bpe_codes=str(path)))


def _columns(path: Path) -> int:
    """Return 2 for codes of subword-nmt, 3 for codes of fastBPE, which end in a count."""
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: codes must be readable text in UTF-8, but {error}; copy the file again"
        ) from error
    headed = lines[0].startswith("#version:")
    merges = lines[1:] if headed else lines
    counts = {len(line.split(" ")) for line in merges}
    if merges and (counts == {2} or (counts == {3} and not headed)):
        return counts.pop()
    bad = next((line for line in merges if len(line.split(" ")) != 2), "")
    raise ConfigError(
        f"{path}: codes must be two pieces a line (subword-nmt) or two pieces and a count "
        f"(fastBPE), found {bad!r}; copy the file again"
    )


def _load_sentencepiece(path: Path) -> Any:
    try:
        return SentencepieceBPE(SentencepieceConfig(sentencepiece_model=str(path)))
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"{path}: must be a model of sentencepiece, but cannot be loaded "
            f"({str(error).splitlines()[0]}); copy the file again"
        ) from error
