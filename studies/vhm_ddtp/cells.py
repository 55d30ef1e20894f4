"""What the study of VHM on package descriptions trains, and the settings that all share."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from studies.ddtp.cells import MODEL, PRECISION, Corpus
from studies.ddtp.cells import RATES as RATES  # the same grid
from studies.ddtp.cells import WIDEN as WIDEN

ITALIAN = Corpus("it", 17464, frozen=False)
ALL, FEW = ITALIAN.triples, 1746  # CLS records: 100 % and 10 %
SIZES = (FEW, ALL)
LONGEST = {FEW: 3000, ALL: 6000}  # updates
VALIDATIONS = 24  # in the longest training
PATIENCE = 8  # of these: a third, as long as annealing takes
SEARCH = "--beam 5 --max-len-b 30 --no-repeat-ngram-size 3 --batch-size 64 --lenpen 1.0"


@dataclass(frozen=True)
class System:
    """A system and what it is trained with.

    Attributes:
        label: what readers see.
        flags: architecture, tasks and latent variables.
        rate_of: the system whose trials decide its learning rate; "" for its own.
        latent: whether it has latent variables.
        seeds: how many.
        sizes: numbers of CLS records.
    """

    label: str
    flags: str
    rate_of: str = ""
    latent: bool = False
    seeds: int = 5
    sizes: tuple[int, ...] = SIZES


_ALL_TASKS = "--train-tasks mt,ms,cls"
_PLAIN = f"--arch mt_ms_cls_small {_ALL_TASKS}"
_VHM = f"--arch vhm_small {_ALL_TASKS}"


def _remedy(how: str, flags: str) -> System:
    return System(f"VHM with {how}", f"{_VHM} {flags}", "vhm", latent=True, seeds=3, sizes=(ALL,))


REMEDIES = {
    "vhm-free-bits": _remedy("free bits", "--free-bits 4"),
    "vhm-cyclical": _remedy("cyclical annealing", "--kl-annealing cyclical"),
    "vhm-free-bits-per-dimension": _remedy(
        "free bits per dimension", "--free-bits-per-dimension 0.03125"
    ),
}
ONCE = {
    "ms_cls": System(
        "MS-CLS", "--arch ms_cls_small --train-tasks ms,cls", "mt_ms_cls", seeds=1, sizes=(ALL,)
    ),
    "mt_cls": System(
        "MT-CLS", "--arch mt_cls_small --train-tasks mt,cls", "mt_ms_cls", seeds=1, sizes=(ALL,)
    ),
}
COMPARED = {
    "mt_ms_cls": System("MT-MS-CLS", _PLAIN),
    "vhm": System("VHM", _VHM, latent=True),
    "control": System(
        "MT-MS-CLS with Eq. 8's layer", f"{_PLAIN} --projection-without-latents", "mt_ms_cls"
    ),
    "tncls": System("TNCLS", "--arch tncls_small --train-tasks cls", sizes=(ALL,)),
}
SYSTEMS = {**COMPARED, **ONCE, **REMEDIES}

COMMON = (
    f"{MODEL} --task multitask_summarization --criterion vhm_elbo --label-smoothing 0.1 "
    "--copy-attention --optimizer adam --adam-betas (0.9,0.98) --clip-norm 1.0 "
    "--lr-scheduler inverse_sqrt --warmup-updates 400 --max-tokens 1024 "
    "--max-source-positions 128 --max-target-positions 128 --cpu --bf16 --num-workers 0 "
    "--log-format simple --log-interval 50 --no-epoch-checkpoints --keep-interval-updates 1 "
    f"--validate-interval 1000000 --patience {PATIENCE} --best-checkpoint-metric cls_bound"
)


@dataclass(frozen=True)
class Cell:
    """One training with its summaries: a system on so many CLS records."""

    size: int
    system: str
    seed: int

    @property
    def name(self) -> str:
        """What its row is called."""
        return f"it_{self.size}_{self.system}_seed{self.seed}"

    @property
    def tuned(self) -> "Cell":
        """The cell whose trials decide the rate of this one."""
        return replace(self, system=SYSTEMS[self.system].rate_of or self.system, seed=1)

    @property
    def flags(self) -> list[str]:
        """What `fairseq-train` gets for it, but data and rate."""
        longest = LONGEST[self.size]
        every = str(longest // VALIDATIONS)
        words = [*COMMON.split(), *SYSTEMS[self.system].flags.split(), "--seed", str(self.seed)]
        words += ["--max-update", str(longest)]
        words += ["--save-interval-updates", every, "--validate-interval-updates", every]
        if SYSTEMS[self.system].latent:
            words += ["--kl-annealing-updates", str(longest // 3)]
        if self.size < ALL:
            words += ["--cls-subset-size", str(self.size), "--subset-seed", str(self.seed)]
        return words

    @property
    def settings(self) -> dict[str, object]:
        """Columns of its row."""
        return {"size": self.size, "system": self.system, "seed": self.seed, "precision": PRECISION}


def cells() -> Iterator[Cell]:
    """All cells in the order in which they are wanted: what decides first, seed by seed."""
    for seed in range(1, 6):
        for size in reversed(SIZES):
            for name, system in COMPARED.items():
                if size in system.sizes and seed <= system.seeds:
                    yield Cell(size, name, seed)
    for systems in (ONCE, REMEDIES):
        for seed in range(1, 6):
            for name, system in systems.items():
                if seed <= system.seeds:
                    yield Cell(system.sizes[0], name, seed)
