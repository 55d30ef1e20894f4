"""What the study on package descriptions trains, and the settings that all its systems share."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

RATES = ("5e-4", "1e-3", "2e-3")  # tried with the first seed of each system, size and start
WIDEN = 2  # rates beyond these, while the best is at an end
PENALTIES = ("0.6", "1.0", "1.4", "2.0")  # of length, tried with the same seed
SYSTEMS = ("ncls", "ncls_ms", "mclas")

# What a system is: the target layout, its model and what else it gets.
LAYOUTS = {
    "ncls": ("ncls", "mclas_small", "--copy-attention"),
    "ncls_ms": ("ncls_ms", "ncls_ms_small", "--copy-attention"),
    "mclas": ("mclas", "mclas_small", "--copy-attention"),
    # The controls. `S^A` of another document; the decoder of `S^B` not initialised from MS; words
    # only from the vocabulary, never from the document.
    "mclas-shuffled": ("mclas", "mclas_small", "--copy-attention"),
    "ncls_ms-half": ("ncls_ms", "ncls_ms_small", "--copy-attention --ncls-ms-init cls-random"),
    "mclas-uncopied": ("mclas", "mclas_small", ""),
}
NAMES = {
    "ncls": "NCLS",
    "ncls_ms": "NCLS+MS",
    "mclas": "MCLAS",
    "mclas-shuffled": "MCLAS, `S^A` of other documents",
    "ncls_ms-half": "NCLS+MS, decoder of `S^B` at random",
    "mclas-uncopied": "MCLAS without copying",
}
# A control takes the rate and the length penalty of the system that it controls.
CONTROLS = {"mclas-shuffled": "mclas", "ncls_ms-half": "ncls_ms", "mclas-uncopied": "mclas"}

PRECISION = "bf16"
MODEL = (
    "--encoder-layers 2 --decoder-layers 2 "
    "--encoder-ffn-embed-dim 512 --decoder-ffn-embed-dim 512 --dropout 0.2"
)
COMMON = (
    f"{MODEL} --criterion summary_cross_entropy --label-smoothing 0.1 "
    "--optimizer adam --adam-betas (0.9,0.98) --clip-norm 1.0 --lr-scheduler inverse_sqrt "
    "--max-tokens 2048 --max-source-positions 128 --cpu --bf16 --num-workers 0 "
    "--log-format simple --log-interval 50 --no-epoch-checkpoints --keep-interval-updates 1 "
    "--validate-interval 1000000 --patience 4"
)
FINE_TUNING = "--warmup-updates 200 --max-update 12000 --best-checkpoint-metric cls_nll_loss"
MS_TRAINING = (
    "--target-layout ms --arch mclas_small --copy-attention --lr 1e-3 --warmup-updates 400 "
    "--max-update 6000 --best-checkpoint-metric ms_nll_loss --seed 1 "
    "--save-interval-updates 250 --validate-interval-updates 250"
)
# The translator of TLTran: a model as NCLS, from scratch, on paragraphs; longer ones are left out.
TRANSLATOR_TRAINING = (
    "--target-layout ncls --arch mclas_small --copy-attention --lr 1e-3 --warmup-updates 400 "
    "--max-update 12000 --best-checkpoint-metric cls_nll_loss --seed 1 "
    "--save-interval-updates 500 --validate-interval-updates 500"
)
PARAGRAPHS = 60  # of a description; one that has more is a list
PARAGRAPH_WORDS = 80  # of a paragraph, which then is within the 128 pieces that are read
SEARCH = "--beam 5 --max-len-b 30 --no-repeat-ngram-size 3 --batch-size 64"


@dataclass(frozen=True)
class Corpus:
    """One target language.

    Attributes:
        language: of the cross-lingual summaries.
        triples: training documents that have one.
        frozen: whether nothing is tuned: rates and length penalties are those of Italian.
    """

    language: str
    triples: int
    frozen: bool = True

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of training triples, ascending; the last one is all of them."""
        return (self.triples,) if self.frozen else (500, 2500, self.triples)


ITALIAN = Corpus("it", 17464, frozen=False)
CORPORA = {one.language: one for one in (ITALIAN, Corpus("fr", 9451), Corpus("de", 5867))}


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
        """What its row is called."""
        where = f"{self.corpus.language}_{self.size}"
        return f"{where}_{self.system}_from-{self.start}_seed{self.seed}"

    @property
    def tuned(self) -> "Cell":
        """The cell whose trials decide the rate and the length penalty of this one."""
        system = CONTROLS.get(self.system, self.system)
        return replace(self, system=system, seed=1)

    @property
    def decided_by(self) -> str:
        """The row that has what was decided: of the tuned cell, in Italian for other languages."""
        tuned = self.tuned
        if self.corpus.frozen:
            tuned = replace(tuned, corpus=ITALIAN, size=ITALIAN.triples)
        return tuned.name

    @property
    def validate(self) -> int:
        """Updates between two validations: from a third of an epoch to two and a half."""
        return 50 if self.size <= 500 else 100 if self.size <= 2500 else 250


def seeds(size: int, corpus: Corpus = ITALIAN, start: str = "ms", system: str = "") -> range:
    """The seeds of a cell: five, but three at the least size, from scratch and of controls."""
    few = corpus.frozen or size <= 500 or start == "scratch" or system in CONTROLS
    return range(1, 4 if few else 6)


def cells(corpus: Corpus) -> Iterator[Cell]:
    """All cells of a corpus in the order in which they are wanted: comparisons of a seed first."""
    if corpus.frozen:
        for seed in seeds(corpus.triples, corpus):
            for system in ("ncls", "mclas"):
                yield Cell(corpus, corpus.triples, system, "ms", seed)
        return
    for size in reversed(corpus.sizes):
        for seed in seeds(size):
            for system in SYSTEMS:
                yield Cell(corpus, size, system, "ms", seed)
    for start, systems in (("scratch", SYSTEMS), ("ms", tuple(CONTROLS))):
        for seed in seeds(corpus.triples, start=start, system=systems[0]):
            for system in systems:
                yield Cell(corpus, corpus.triples, system, start, seed)
