"""Options of the search for summaries: each is declared here, once.

The fields of `DecodingOptions` are the table: name, type, range, default, help, and whose an option
is. Everything that takes options of the search derives from it: the configuration of the tasks
(`task_options.py`, so `fairseq-train`, hydra, `fairseq-generate` and `fairseq-interactive`), the
flags of `mclas`, `--eval-rouge-args`, `config.json` of a bundle, what is overridden in a
checkpoint, and the Python API. A new option is a field here and the code that does it.

One default holds everywhere. fairseq's own options have other ones in fairseq; its commands get
ours when they run one of our tasks. Validation, which is to be quick, says in the table where it
differs. Neither torch nor fairseq is imported: a command line is built from this file.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Optional

from mclas_fairseq.errors import ConfigError


class Owner(StrEnum):
    """Who declares an option on fairseq's command lines.

    FAIRSEQ: fairseq itself, in its `GenerationConfig`. SUMMARIZATION: the task
    `cross_lingual_summarization`, and with it `multitask_summarization`. MULTITASK: the latter
    alone.
    """

    FAIRSEQ = "fairseq"
    SUMMARIZATION = "cross_lingual_summarization"
    MULTITASK = "multitask_summarization"


@dataclass(frozen=True)
class Declaration:
    """What the table says of an option beside its name, type and default.

    Attributes:
        help: what it does, for `--help`.
        owner: who declares it to fairseq.
        least: smallest value; None for options that are words.
        most: largest value.
        choices: the words that it may be; empty for numbers.
        validation: its default in `--eval-rouge-args`; None: the same as elsewhere.
    """

    help: str
    owner: Owner
    least: Optional[float] = None
    most: Optional[float] = None
    choices: tuple[str, ...] = ()
    validation: Optional[float] = None


@dataclass(frozen=True)
class SearchOption:
    """An option, as its row of the table has it.

    Attributes:
        name: as an attribute and in files; the flag has hyphens.
        kind: int, float or str.
        default: where nothing is said.
        declared: the rest.
    """

    name: str
    kind: type[Any]
    default: Any
    declared: Declaration

    @property
    def flag(self) -> str:
        """As it is given to commands."""
        return "--" + self.name.replace("_", "-")

    @property
    def owner(self) -> Owner:
        """Who declares it to fairseq."""
        return self.declared.owner

    @property
    def validation_default(self) -> Any:
        """Its default in `--eval-rouge-args`."""
        said = self.declared.validation
        return self.default if said is None else self.kind(said)

    def check(self, value: object) -> None:
        """Check a value.

        Raises:
            ConfigError: it has another type or is out of range.
        """
        if self.kind is str:
            if not isinstance(value, str) or value not in self.declared.choices:
                raise ConfigError(
                    f"{self.flag}: it must be one of {', '.join(self.declared.choices)}, met "
                    f"{value!r}; choose one of them"
                )
            return
        rule = self._broken_rule(value)
        if rule is not None:
            shown = value if isinstance(value, (int, float)) else repr(value)
            raise ConfigError(f"{self.flag} {shown}: it must be {rule}; give {self.default}, say")

    def _broken_rule(self, value: Any) -> Optional[str]:
        whole = self.kind is int
        if type(value) not in ((int,) if whole else (int, float)) or not math.isfinite(value):
            return "a whole number" if whole else "a number"
        least, most = self.declared.least, self.declared.most
        assert least is not None
        assert most is not None
        if value < least:
            return f"at least {least:g}"
        return f"at most {most:,g}" if value > most else None


def _number(
    default: float,
    text: str,
    owner: Owner,
    *,
    least: float,
    most: float,
    validation: Optional[float] = None,
) -> Any:
    declared = Declaration(text, owner, least, most, validation=validation)
    return field(default=default, metadata={"search": declared})


def _word(text: str, owner: Owner, *choices: str) -> Any:
    """A field that is one of several words; the first is the default."""
    declared = Declaration(text, owner, choices=choices)
    return field(default=choices[0], metadata={"search": declared})


_MANY = 1_000_000  # tokens or words: more than any decoder has positions


@dataclass(frozen=True)
class DecodingOptions:
    """How summaries are searched for: the table of all options.

    Raises:
        ConfigError: an option has another type or is out of range; --nbest asks for more
            hypotheses than are found.
    """

    beam: int = _number(
        5, "hypotheses kept at each step", Owner.FAIRSEQ, least=1, most=1000, validation=1
    )
    nbest: int = _number(
        1, "hypotheses returned for each document", Owner.FAIRSEQ, least=1, most=_MANY
    )
    max_len_a: float = _number(
        0.0,
        "longest summary per token of the document: a summary has at most A * document + B tokens",
        Owner.FAIRSEQ,
        least=0,
        most=1000,
    )
    max_len_b: int = _number(
        100,
        "longest summary in tokens, each summary: the B of --max-len-a",
        Owner.FAIRSEQ,
        least=0,
        most=_MANY,
    )
    min_len: int = _number(
        1, "shortest summary in tokens, each summary", Owner.FAIRSEQ, least=0, most=_MANY
    )
    lenpen: float = _number(
        1.0,
        "exponent of the length penalty: more favours longer summaries",
        Owner.FAIRSEQ,
        least=-50,
        most=50,
    )
    length_penalty: str = _word(
        "how --lenpen acts: score / length^lenpen (fairseq) or score / ((5 + length) / 6)^lenpen"
        " (gnmt)",
        Owner.SUMMARIZATION,
        "fairseq",
        "gnmt",
    )
    no_repeat_ngram_size: int = _number(
        3,
        "no n-gram of so many tokens twice in a summary; 0: no blocking",
        Owner.FAIRSEQ,
        least=0,
        most=_MANY,
        validation=0,
    )
    ngram_block_scope: str = _word(
        "--no-repeat-ngram-size starts afresh at the separator (summary) or counts over both"
        " summaries (sequence)",
        Owner.SUMMARIZATION,
        "summary",
        "sequence",
    )
    repetition_penalty: float = _number(
        1.0,
        "makes tokens that a summary holds already less likely (CTRL's penalty): their"
        " log-probabilities are multiplied by it, afresh in each summary; 1: it does nothing",
        Owner.SUMMARIZATION,
        least=0.01,
        most=100,
    )
    max_words: int = _number(
        0,
        "each summary ends after at most so many words (characters where words are not spaced),"
        " at the last end of a sentence before where there is one; 0: no limit",
        Owner.SUMMARIZATION,
        least=0,
        most=_MANY,
    )
    restrict_vocab: str = _word(
        "restrict decoding to the language vocabulary of the summary being written: of both"
        " summaries, of the target language's only (target), or of none",
        Owner.SUMMARIZATION,
        "both",
        "target",
        "none",
    )
    summary_decoder: str = _word(
        "with layout ncls_ms: decode with the decoder of the summary in the target language (cls),"
        " of the one in the document's language (ms), or with each in turn (both)",
        Owner.SUMMARIZATION,
        "cls",
        "ms",
        "both",
    )
    generate_task: str = _word(
        "what a model of several tasks makes of documents: a summary in the target language (cls)"
        " or in their own (ms), or a translation (mt)",
        Owner.MULTITASK,
        "cls",
        "ms",
        "mt",
    )
    sample_latent: int = _number(
        0,
        "draw the latent variables of each document so many times and search with each draw; 0:"
        " search once, with their prior means",
        Owner.MULTITASK,
        least=0,
        most=10_000,
    )
    latent_reranking: str = _word(
        "order of the hypotheses of several draws: that of the draws (none), by the summary's score"
        " (score), or with the density of the draw added to it (joint)",
        Owner.MULTITASK,
        "none",
        "score",
        "joint",
    )

    def __post_init__(self) -> None:
        """Check what fairseq would only assert."""
        for option in search_options():
            option.check(getattr(self, option.name))
        found = self.beam * max(1, self.sample_latent)
        if self.nbest > found:
            draws = f" times --sample-latent {self.sample_latent}" if self.sample_latent else ""
            raise ConfigError(
                f"--nbest {self.nbest}: it must lie between 1 and --beam {self.beam}{draws}; "
                "raise --beam or lower --nbest"
            )

    def values(self) -> dict[str, Any]:
        """Name -> value of all options."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, *sources: object) -> "DecodingOptions":
        """The options that configurations hold; the first that says something of one counts.

        Args:
            sources: mappings, or objects with attributes, of names and values; other names are
                passed over, and a value of None says nothing.

        Raises:
            ConfigError: a value has another type or is out of range.
        """
        found: dict[str, Any] = {}
        for option in search_options():
            said = (_said(source, option.name) for source in sources)
            value = next((one for one in said if one is not None), option.default)
            found[option.name] = str(value) if option.kind is str else value
        return cls(**found)


def _said(source: object, name: str) -> Any:
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)


def search_options(*owners: Owner) -> tuple[SearchOption, ...]:
    """The rows of the table; with owners, theirs alone."""
    rows = (
        SearchOption(row.name, _kind(row.type), row.default, row.metadata["search"])
        for row in dataclasses.fields(DecodingOptions)
    )
    return tuple(row for row in rows if not owners or row.owner in owners)


def _kind(said: object) -> type[Any]:
    assert isinstance(said, type)
    return said


def search_option(name: str) -> SearchOption:
    """The row of the table with this name."""
    return next(row for row in search_options() if row.name == name)


def of_task(options: DecodingOptions, *owners: Owner) -> dict[str, Any]:
    """Name -> value of the options that tasks declare; of these owners, or of both tasks."""
    owners = owners or (Owner.SUMMARIZATION, Owner.MULTITASK)
    return {row.name: getattr(options, row.name) for row in search_options(*owners)}


def unknown_options(names: Mapping[str, object], *more: str) -> list[str]:
    """Those of the names that are no options of the search, nor among `more`, sorted."""
    return sorted(set(names) - {option.name for option in search_options()} - set(more))
