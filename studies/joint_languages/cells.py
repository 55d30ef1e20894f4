"""What the study on one decoder for eight languages trains, and the settings that all share."""

from collections.abc import Iterator
from dataclasses import dataclass

from studies.ddtp.cells import MODEL

# By their number of training triples; the first ones have a decoder of their own to compare with.
LANGUAGES = ("it", "fr", "de", "pt", "ja", "ru", "es", "zh")
SINGLE = ("it", "fr", "de", "pt", "ja")
JOINT = "joint"
SEEDS = (1, 2, 3)
UPDATES = 2000
VOCABULARY = 16000

COMMON = (
    f"{MODEL} --arch mclas_small --copy-attention --criterion summary_cross_entropy "
    "--label-smoothing 0.1 --optimizer adam --adam-betas (0.9,0.98) --clip-norm 1.0 "
    "--lr 1e-3 --lr-scheduler inverse_sqrt --max-tokens 2048 --max-source-positions 128 "
    "--cpu --bf16 --num-workers 0 --log-format simple --log-interval 50 --no-epoch-checkpoints "
    f"--keep-interval-updates 1 --validate-interval 1000000 --max-update {UPDATES} "
    "--save-interval-updates 250 --validate-interval-updates 250"
)
MS_TRAINING = (
    "--target-layout ms --warmup-updates 400 --best-checkpoint-metric ms_nll_loss --seed 1"
)
TRAINING = "--target-layout mclas --warmup-updates 200 --best-checkpoint-metric cls_nll_loss"
SEARCH = "--beam 1 --max-len-b 40 --no-repeat-ngram-size 3 --batch-size 64"


@dataclass(frozen=True)
class Cell:
    """One training: the joint decoder, or that of a language, with a seed."""

    system: str
    seed: int

    @property
    def name(self) -> str:
        """What its row is called."""
        return f"descriptions_{self.system}_seed{self.seed}"

    @property
    def targets(self) -> tuple[str, ...]:
        """The languages that it writes beside English."""
        return LANGUAGES if self.system == JOINT else (self.system,)


def cells() -> Iterator[Cell]:
    """All cells in the order in which they are wanted: the comparisons of a seed first."""
    for seed in SEEDS:
        for system in (JOINT, "pt", "ja", "de", "it", "fr"):
            yield Cell(system, seed)
