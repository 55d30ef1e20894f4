"""What a user asks of `mclas prepare`, checked before the first file is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from mclas_fairseq.binarize.mbart import check_languages
from mclas_fairseq.binarize.sieve import FilterOptions
from mclas_fairseq.corpus.languages import check_language
from mclas_fairseq.errors import ConfigError

# More unknown pieces than this in a language's text, and no model can learn to write it.
MAX_UNKNOWN_SHARE = 0.005

# Pieces learned where a language is added and no size is given: one language needs fewer than all.
EXTENSION_VOCAB_SIZE = 4000


@dataclass(frozen=True)
class TokenizerOptions:
    """How the tokenizer is learned; of no use when an earlier data-bin's is taken over.

    Attributes:
        name: "sentencepiece", "bpe", "words" or "wordpiece".
        given: a model made elsewhere, of which nothing is learned: sentencepiece's, or BERT's
            `vocab.txt` for "wordpiece".
        pretrained: name or path of a checkpoint whose tokenizer and ids are taken; then nothing
            else here has an effect.
        mbart: folder of an mBART whose dictionary is taken; `given` is then its sentencepiece
            model.
        mbart_langs: mBART's languages in the order of their ids.
        vocab_size: at most this many dictionary entries, reserved symbols apart.
        lowercase: whether all text is lower-cased.
        subset_size: number of complete triples that the tokenizer may learn from; None for all.
        subset_seed: which random triples these are.
    """

    name: str = "sentencepiece"
    given: Optional[Path] = None
    pretrained: Optional[str] = None
    mbart: Optional[Path] = None
    mbart_langs: tuple[str, ...] = ()
    vocab_size: int = 8000
    lowercase: bool = False
    subset_size: Optional[int] = None
    subset_seed: int = 1


@dataclass(frozen=True)
class PrepareOptions:
    """One call of `mclas prepare`.

    Attributes:
        source_lang: language of the documents.
        target_langs: languages of the cross-lingual summaries; the first defines complete triples.
        out: the data-bin to make.
        inputs: split ("train", "valid", "test") -> files of records or prefixes of parallel text.
        tokenizer: how to learn the tokenizer.
        like: data-bin whose tokenizer and dictionary are taken over instead.
        workers: processes that tokenise and binarise.
        overwrite: whether an existing data-bin at `out` is replaced.
        translation_key: key of the records that holds translations of the document.
        exclude_ids: file with ids, one a line, to leave out of training.
        filters: what else is left out of training.
        extend: languages whose pieces are learned and added to those of `like`.
        max_unknown: largest share, 0 to 1, of a language's pieces that may be unknown.
        task_tags: whether the dictionary gets the tags of task `multitask_summarization`.
    """

    source_lang: str
    target_langs: tuple[str, ...]
    out: Path
    inputs: Mapping[str, tuple[Path, ...]]
    tokenizer: TokenizerOptions = field(default_factory=TokenizerOptions)
    like: Optional[Path] = None
    workers: int = 1
    overwrite: bool = False
    translation_key: str = "translation"
    exclude_ids: Optional[Path] = None
    filters: FilterOptions = field(default_factory=FilterOptions)
    extend: tuple[str, ...] = ()
    max_unknown: float = MAX_UNKNOWN_SHARE
    task_tags: bool = False

    @property
    def languages(self) -> tuple[str, ...]:
        """All summary languages, the source language first."""
        return (self.source_lang, *self.target_langs)

    def check(self) -> None:
        """Check what can be checked without reading the corpus.

        Raises:
            ConfigError: the options contradict one another or a number is out of range.
            DataError: a language code is unknown.
        """
        check_language(self.source_lang, "--source-lang")
        for language in self.target_langs:
            check_language(language, "--target-lang")
        if len(set(self.languages)) < len(self.languages) or not self.target_langs:
            raise ConfigError(
                "--source-lang and --target-lang: must name different languages, at least one"
                f" target, but are {self.source_lang} and {','.join(self.target_langs) or 'none'}"
            )
        if not any(self.inputs.values()) or not (self.inputs.get("train") or self.like):
            raise ConfigError(
                "--train: training data are needed to learn a tokenizer and vocabularies from, but"
                " none are given; give --train, or take an earlier data-bin's with --like"
            )
        self._check_extension()
        if self.tokenizer.mbart is not None:
            check_languages(self.tokenizer.mbart_langs, self.languages)
        self.filters.check()
        if not 0 <= self.max_unknown <= 1:
            raise ConfigError(
                f"--max-unknown: must be a share from 0 to 1, but is {self.max_unknown}"
            )
        _check_at_least_one("--workers", self.workers)
        _check_at_least_one("--vocab-size", self.tokenizer.vocab_size)
        if self.tokenizer.subset_size is not None:
            _check_at_least_one("--tokenizer-subset", self.tokenizer.subset_size)

    def _check_extension(self) -> None:
        if not self.extend:
            return
        if self.like is None or not self.inputs.get("train"):
            raise ConfigError(
                f"--extend {','.join(self.extend)}: adds languages to an earlier data-bin's"
                " tokenizer and learns them from training text, but --like or --train is not"
                " given; give both"
            )
        foreign = [language for language in self.extend if language not in self.languages]
        if foreign or len(set(self.extend)) < len(self.extend):
            raise ConfigError(
                f"--extend {','.join(self.extend)}: must name languages of this corpus"
                f" ({', '.join(self.languages)}), each once; correct it"
            )


def _check_at_least_one(flag: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"{flag}: must be at least 1, but is {value}")
