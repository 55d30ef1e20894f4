"""What the study on scientific abstracts trains, and the settings that all its systems share."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from studies.ddtp.cells import MODEL
from studies.translated.cells import COPYING

RATES = ("5e-4", "1e-3")  # tried with the base in Italian, seed 1
WIDEN = 1
SEEDS = (1, 2, 3)
BASE = "mclas"
ITALIAN = "it"
LANGUAGES = (ITALIAN, "de", "zh")
# What can be learned between MS and the triples, in the order in which it is put together.
FIRST = ("mt", "parallel", "ddtp", "silver")
ITALIAN_ONLY = "silver"


@dataclass(frozen=True)
class System:
    """What differs from the base.

    Attributes:
        label: what readers see.
        first: what is learned between MS and the triples; see `FIRST`.
        layout: of its targets.
        flags: further ones of its training on the triples.
        translated: whether copied words are translated by a lexicon.
    """

    label: str
    first: tuple[str, ...] = ()
    layout: str = "mclas"
    flags: str = ""
    translated: bool = False

    def copying(self, lexicon: str) -> str:
        """Flags of copying."""
        if not self.translated:
            return "--copy-attention"
        return f"{COPYING['adaptive']} --lexicon {lexicon}"

    def learned_first(self, language: str) -> tuple[str, ...]:
        """What there is of `first` in a language."""
        return tuple(one for one in self.first if one != ITALIAN_ONLY or language == ITALIAN)


SYSTEMS = {
    BASE: System("MCLAS from MS (base)"),
    "mt": System("sentences of machine-translated abstracts first", ("mt",)),
    "silver": System("silver corpus first", ("silver",)),
    "ncls": System("NCLS from MS", layout="ncls"),
    "ddtp": System("package descriptions first", ("ddtp",)),
    "parallel": System("parallel text first", ("parallel",)),
    "first-all": System("all of these first", FIRST),
    "lexicon": System("translated copying, adaptive", translated=True),
    "dropout-0.1": System("dropout 0.1", flags="--dropout 0.1"),
    "dropout-0.3": System("dropout 0.3", flags="--dropout 0.3"),
}
# The two best Italian systems by the rules, the better one first (aims are judged of it), once all
# have seed 1; only these get further seeds, and German and Chinese cells.
CHOSEN: tuple[str, ...] = ()

PRECISION = "bf16"
_COMMON = (
    f"{MODEL} --arch mclas_small --criterion summary_cross_entropy --label-smoothing 0.1 "
    "--optimizer adam --adam-betas (0.9,0.98) --clip-norm 1.0 --lr-scheduler inverse_sqrt "
    "--max-tokens 4096 --max-source-positions 256 --cpu --bf16 --num-workers 0 "
    "--log-format simple --log-interval 50 --no-epoch-checkpoints --keep-interval-updates 1 "
    "--validate-interval 1000000 --patience 4 --max-update 3000"
)
MS_TRAINING = (
    f"{_COMMON} --copy-attention --target-layout ms --lr 1e-3 --warmup-updates 400 "
    "--best-checkpoint-metric ms_nll_loss --seed 1"
)
FIRST_TRAINING = (
    f"{_COMMON} --copy-attention --lr 1e-3 --warmup-updates 200 "
    "--best-checkpoint-metric cls_nll_loss --seed 1"
)
TRAINING = f"{_COMMON} --warmup-updates 100 --best-checkpoint-metric cls_nll_loss"
VALIDATE_FIRST = 250  # updates
VALIDATE = 50
SEARCH = "--beam 5 --lenpen 1.0 --max-len-b 60 --no-repeat-ngram-size 3 --batch-size 32"


@dataclass(frozen=True)
class Cell:
    """One training with its summaries: a system in a language, with a seed."""

    corpus: str
    system: str
    seed: int

    @property
    def name(self) -> str:
        """What its row is called."""
        return f"{self.corpus}_{self.system}_seed{self.seed}"

    @property
    def tuned(self) -> "Cell":
        """The cell whose trials decide the rate of all."""
        return replace(self, corpus=ITALIAN, system=BASE, seed=SEEDS[0])


def cells(language: str) -> Iterator[Cell]:
    """All cells of a language in the order in which they are wanted."""
    if language == ITALIAN:
        for system in SYSTEMS:
            yield Cell(language, system, SEEDS[0])
    for seed in SEEDS[1:] if language == ITALIAN else SEEDS:
        for system in CHOSEN:
            yield Cell(language, system, seed)
