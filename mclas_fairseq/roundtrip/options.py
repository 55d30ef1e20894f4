"""Options of a round-trip run, checked by themselves; plain values, read without `datatrove`.

What changes a translation (`Direction`, `Translators`, `unit`, `shard_lines`) belongs to a run for
good. What filters pairs (`FilterOptions`) may be changed afterwards, and what only says where and
how fast the work is done (`Execution`) at every start.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from mclas_fairseq.corpus.languages import check_language
from mclas_fairseq.corpus.output import check_apart
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.translators.options import TranslatorOptions

UNITS = ("summary", "sentence")
EXECUTORS = ("local", "slurm", "ray")
_OWN_FILES = (
    "corpus.jsonl", "corpus.jsonl.gz", "report.json", "scores.png", "settings.json", "lock", "work",
)  # fmt: skip


@dataclass(frozen=True)
class Direction:
    """Which summaries there are, and which are made from them.

    Attributes:
        source_lang: A, language of the documents.
        target_lang: B, language of the cross-lingual summaries.
        made: the one of the two whose summaries are made by translation.
    """

    source_lang: str
    target_lang: str
    made: str

    def __post_init__(self) -> None:
        """Check the languages."""
        check_language(self.source_lang, "--source-lang")
        check_language(self.target_lang, "--target-lang")
        if self.source_lang == self.target_lang:
            raise ConfigError(
                f"--target-lang {self.target_lang}: must differ from --source-lang, but is the"
                " same; change one of them"
            )
        if self.made not in (self.source_lang, self.target_lang):
            raise ConfigError(
                f"--fill {self.made}: must be one of {self.source_lang} and {self.target_lang};"
                " change it or the languages"
            )

    @property
    def given(self) -> str:
        """The language of the summaries that are there, in which the comparison is made."""
        return self.source_lang if self.made == self.target_lang else self.target_lang


@dataclass(frozen=True)
class Translators:
    """The two translators, by spec (see `roundtrip.translators`), and how they translate.

    Attributes:
        forward: translates from A into B.
        backward: translates from B into A.
        forward_options: of `forward`.
        backward_options: of `backward`.
    """

    forward: str
    backward: str
    forward_options: TranslatorOptions
    backward_options: TranslatorOptions

    def there_and_back(
        self, direction: Direction
    ) -> tuple[tuple[str, TranslatorOptions], tuple[str, TranslatorOptions]]:
        """Spec and options of the translator that makes summaries, and of the one back."""
        forward = (self.forward, self.forward_options)
        backward = (self.backward, self.backward_options)
        if direction.made == direction.target_lang:
            return forward, backward
        return backward, forward


@dataclass(frozen=True)
class FilterOptions:
    """Which pairs are kept.

    Attributes:
        t1: least ROUGE-1 F1 of the back-translation against the original, in [0, 1].
        t2: least ROUGE-2 F1, in [0, 1].
        sentence_share: least share of a summary's sentences that must reach both, in [0, 1]; of
            use where a run translates by sentence.
        protocol: name of the ROUGE protocol.
    """

    t1: float = 0.6
    t2: float = 0.2
    sentence_share: float = 1.0
    protocol: str = "default"

    def __post_init__(self) -> None:
        """Check that everything is a share."""
        for flag, value in (
            ("--t1", self.t1),
            ("--t2", self.t2),
            ("--sentence-share", self.sentence_share),
        ):
            if not 0 <= value <= 1:  # also refuses nan
                raise ConfigError(
                    f"{flag} {value:g}: must be from 0 to 1 (ROUGE is a share here, not points);"
                    " give such a number"
                )


@dataclass(frozen=True)
class Execution:
    """Where shards are translated, how many at once, and when one is given up.

    Attributes:
        executor: one of `EXECUTORS`.
        options: further arguments of `datatrove`'s executor, by name.
        workers: shards at the same time.
        time_limit: seconds that a shard may take before it is ended and tried again; None: any.
        retries: how often a shard is tried again.
    """

    executor: str = "local"
    options: Mapping[str, object] = field(default_factory=dict)
    workers: int = 1
    time_limit: Optional[float] = None
    retries: int = 2

    def __post_init__(self) -> None:
        """Check each value by itself."""
        if self.executor not in EXECUTORS:
            raise ConfigError(
                f"--executor {self.executor}: must be one of {', '.join(EXECUTORS)}; choose one"
            )
        if self.workers < 1:
            raise ConfigError(f"--workers {self.workers}: must be at least 1; give more")
        if self.retries < 0:
            raise ConfigError(f"--retries {self.retries}: must not be below 0; give 0 or more")
        if self.time_limit is not None and not self.time_limit > 0:
            raise ConfigError(
                f"--time-limit {self.time_limit:g}: must be more than 0 seconds; give more, or"
                " leave it out for any time"
            )


@dataclass(frozen=True)
class Outputs:
    """Where results go.

    Attributes:
        folder: of the run: corpus, report, and what is needed to go on.
        rejected: file for what was filtered; None: `rejected.jsonl` in the folder.
        gzip: whether corpus and rejected records in the folder are compressed.
    """

    folder: Path
    rejected: Optional[Path] = None
    gzip: bool = False

    def check_apart(self, read: Iterable[Path]) -> None:
        """Refuse rejected records in the place of a file that is needed.

        Args:
            read: files that the run reads.

        Raises:
            ConfigError: one of them, or another file of the run, would be overwritten.
        """
        if self.rejected is not None:
            own = [self.folder / name for name in _OWN_FILES]
            needed = [("an input", path) for path in read]
            needed += [("the run itself", path) for path in own]
            check_apart([("--rejected", self.rejected)], needed)

    @property
    def corpus_file(self) -> Path:
        """Where the kept records are written."""
        return self.folder / ("corpus.jsonl.gz" if self.gzip else "corpus.jsonl")

    def outdated_files(self) -> list[Path]:
        """Names that results of other options may have in the folder."""
        names = [f"{stem}.jsonl{end}" for stem in ("corpus", "rejected") for end in ("", ".gz")]
        used = (self.corpus_file, self.rejected_file)
        return [self.folder / name for name in names if self.folder / name not in used]

    @property
    def rejected_file(self) -> Path:
        """Where the rejected records are written."""
        name = "rejected.jsonl.gz" if self.gzip else "rejected.jsonl"
        return self.rejected if self.rejected is not None else self.folder / name


@dataclass(frozen=True)
class RunOptions:
    """Everything about what a run translates.

    Attributes:
        inputs: files of records, read in this order.
        direction: which summaries are made from which.
        translators: the two.
        unit: what is translated and judged at once, one of `UNITS`.
        shard_lines: records of a shard, the unit of work and of resumption.
    """

    inputs: Sequence[Path]
    direction: Direction
    translators: Translators
    unit: str = "summary"
    shard_lines: int = 5000

    def __post_init__(self) -> None:
        """Check each value by itself."""
        if self.unit not in UNITS:
            raise ConfigError(f"--unit {self.unit}: must be one of {', '.join(UNITS)}; choose one")
        if self.shard_lines < 1:
            raise ConfigError(f"--shard-lines {self.shard_lines}: must be at least 1; give more")
