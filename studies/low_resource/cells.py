"""What the low-resource study trains: corpora, systems, sizes, and the settings that all share."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

RATES = ("1e-3", "2e-3")  # the trials of every system and start
SEEDS = (1, 2, 3)
STARTS = ("ms", "scratch")
SYSTEMS = ("ncls", "ncls_ms", "mclas")

# What a system is: the target layout and its model.
LAYOUTS = {
    "ncls": ("ncls", "mclas_tiny"),
    "ncls_ms": ("ncls_ms", "ncls_ms_tiny"),
    "mclas": ("mclas", "mclas_tiny"),
    # The controls. `S^A` of another document; the decoder of `S^B` not initialised from MS.
    "mclas-shuffled": ("mclas", "mclas_tiny"),
    "ncls_ms-half": ("ncls_ms", "ncls_ms_tiny"),
}
# A control takes the rate of the system that it controls.
CONTROLS = {"mclas-shuffled": "mclas", "ncls_ms-half": "ncls_ms"}


@dataclass(frozen=True)
class Corpus:
    """One corpus of the study.

    Attributes:
        name: "news" (synthetic, hard) or "xscitldr".
        sizes: numbers of training triples, ascending; the last one is all of them.
        tuned_at: the number of triples at which rates are tried.
        updates: of every fine-tuned or scratch-trained system.
        validate: updates between two validations.
        flags: what `fairseq-train` gets beside what all corpora share.
        search: how all systems decode.
    """

    name: str
    sizes: tuple[int, ...]
    tuned_at: int
    updates: int
    validate: int
    flags: str
    search: str


NEWS = Corpus(
    name="news",
    sizes=(100, 400, 1600, 5000),
    tuned_at=1600,
    updates=200,
    validate=50,
    flags="--max-tokens 2048",
    search="--beam 5 --max-len-b 40 --no-repeat-ngram-size 3 --batch-size 50",
)
XSCITLDR = Corpus(
    name="xscitldr",
    sizes=(200, 1983),
    tuned_at=1983,
    updates=400,
    validate=100,
    flags="--max-tokens 4096 --max-source-positions 256",
    search="--beam 5 --max-len-b 60 --no-repeat-ngram-size 3 --batch-size 32",
)
CORPORA = {corpus.name: corpus for corpus in (NEWS, XSCITLDR)}

# Of every training, the monolingual one included. Without --bf16, as a processor that lacks it
# would be many times slower, and cells must not differ by machine.
PRECISION = "fp32"
COMMON = (
    "--copy-attention --criterion summary_cross_entropy --label-smoothing 0.1 "
    "--optimizer adam --adam-betas (0.9,0.98) --clip-norm 1.0 --lr-scheduler inverse_sqrt "
    "--num-workers 0 --cpu --log-format simple --log-interval 50 --no-epoch-checkpoints "
    "--keep-interval-updates 1 --validate-interval 1000000"
)
FINE_TUNING = "--warmup-updates 100 --dropout 0.1 --best-checkpoint-metric cls_nll_loss"
MS_TRAINING = {
    "news": "--arch mclas_tiny --lr 2e-3 --warmup-updates 400 --max-update 2000 --dropout 0.0",
    "xscitldr": "--arch mclas_tiny --lr 2e-3 --warmup-updates 400 --max-update 3000 --dropout 0.0",
}


@dataclass(frozen=True)
class Cell:
    """One training with its summaries: a system on so many triples."""

    corpus: Corpus
    size: int
    system: str
    start: str
    seed: int

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"{self.corpus.name}_{self.size}_{self.system}_from-{self.start}_seed{self.seed}"

    @property
    def tuned(self) -> "Cell":
        """The cell whose trials decide the rate of this one."""
        system = CONTROLS.get(self.system, self.system)
        return replace(self, size=self.corpus.tuned_at, system=system, seed=SEEDS[0])


def cells(corpus: Corpus) -> Iterator[Cell]:
    """All cells of a corpus, the comparisons before the controls, seed by seed."""
    for seed in SEEDS:
        for size in reversed(corpus.sizes):
            for start in STARTS:
                for system in SYSTEMS:
                    yield Cell(corpus, size, system, start, seed)
    for seed in SEEDS:
        for system in CONTROLS:
            yield Cell(corpus, corpus.sizes[-1], system, "ms", seed)
