"""What the VHM study trains: corpora, systems, sizes, and the settings that all share."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

RATES = ("2e-3", "4e-3")  # the trials of every system: high ones, for so few updates
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class System:
    """A system of Liang et al. (2022): its name in their tables, and what it is trained with.

    Attributes:
        label: as in Tables 2 to 5.
        flags: architecture, tasks and latent variables.
        rate_of: the system whose trials decide its learning rate; "" for its own.
        remedy: whether it only shows another remedy against a collapsed latent variable.
    """

    label: str
    flags: str
    rate_of: str = ""
    remedy: bool = False

    @property
    def latent(self) -> bool:
        """Whether it has latent variables."""
        return "--arch vhm" in self.flags


FREE_BITS = "vhm-free-bits"
_VHM = "--arch vhm_tiny --train-tasks mt,ms,cls"
_FREE = f"{_VHM} --free-bits 4"  # nats, each latent variable of a sentence
_PER_DIMENSION = f"{_VHM} --free-bits-per-dimension 0.125"  # nats: 4 by Z = 32


def _ablation(without: str, flags: str) -> System:
    return System(f"VHM with free bits, without {without}", f"{_FREE} {flags}", rate_of=FREE_BITS)


def _remedy(how: str, flags: str) -> System:
    return System(f"VHM with {how}", flags, rate_of="vhm", remedy=True)


COMPARED = {
    "tncls": System("TNCLS", "--arch tncls_tiny --train-tasks cls"),
    "mt_ms_cls": System("MT-MS-CLS", "--arch mt_ms_cls_tiny --train-tasks mt,ms,cls"),
    "vhm": System("VHM", _VHM),
    FREE_BITS: System("VHM with free bits", _FREE),
}
VARIANTS = ("vhm", FREE_BITS)  # what is compared with MT-MS-CLS
ABLATIONS = {
    "vhm-no-mt": _ablation("z_mt", "--latents ms,cls"),
    "vhm-no-ms": _ablation("z_ms", "--latents mt,cls"),
    "vhm-no-local": _ablation("z_mt and z_ms", "--latents cls"),
    "vhm-no-cls": _ablation("z_cls", "--latents mt,ms"),
    "vhm-flat": _ablation("the hierarchy", "--no-latent-hierarchy"),
}
REMEDIES = {
    "vhm-cyclical": _remedy("cyclical annealing", f"{_VHM} --kl-annealing cyclical"),
    "vhm-free-bits-per-dimension": _remedy("free bits per dimension", _PER_DIMENSION),
}
SYSTEMS = {**COMPARED, **ABLATIONS, **REMEDIES}


@dataclass(frozen=True)
class Corpus:
    """One corpus of the study.

    Attributes:
        name: "news" (synthetic, hard) or "xscitldr".
        sizes: numbers of CLS records, ascending; the last one is all of them.
        tuned_at: the number of CLS records at which rates are tried.
        updates: of every system; one batch of each of its tasks in each.
        validate: updates between two validations.
        flags: what `fairseq-train` gets beside what all corpora share.
        search: how all systems decode.
        seconds: budget of a cell's training on one thread of this study's machine.
        ablations: whether ablations and remedies are trained on it.
    """

    name: str
    sizes: tuple[int, ...]
    tuned_at: int
    updates: int
    validate: int
    flags: str
    search: str
    seconds: int
    ablations: bool


NEWS = Corpus(
    name="news",
    sizes=(2, 20, 200, 1_000, 2_000),  # 0.1, 1, 10, 50 and 100 %
    tuned_at=200,
    updates=200,
    validate=50,
    flags="--max-tokens 1024 --max-source-positions 192 --max-target-positions 192 "
    "--warmup-updates 80",
    search="--beam 4 --lenpen 0.6 --max-len-b 40 --no-repeat-ngram-size 3 --batch-size 50 "
    "--length-penalty gnmt",
    seconds=100,
    ablations=True,
)
XSCITLDR = Corpus(
    name="xscitldr",
    sizes=(200, 1_983),
    tuned_at=1_983,
    updates=240,
    validate=80,
    flags="--max-tokens 1536 --max-source-positions 200 --max-target-positions 200 "
    "--warmup-updates 100",
    search="--beam 4 --lenpen 0.6 --max-len-b 60 --no-repeat-ngram-size 3 --batch-size 32 "
    "--length-penalty gnmt",
    seconds=240,
    ablations=False,
)
CORPORA = {corpus.name: corpus for corpus in (NEWS, XSCITLDR)}

# Of every training. The checkpoint is chosen by the bound of CLS on validation data, which without
# latent variables is the NLL; annealing ends at half of the updates.
COMMON = (
    "--task multitask_summarization --criterion vhm_elbo --label-smoothing 0.1 --dropout 0.1 "
    "--copy-attention --optimizer adam --adam-betas (0.9,0.998) --adam-eps 1e-9 --clip-norm 1.0 "
    "--lr-scheduler inverse_sqrt --num-workers 0 --cpu --log-format simple "
    "--log-interval 50 --no-epoch-checkpoints --keep-interval-updates 1 "
    "--validate-interval 1000000 --best-checkpoint-metric cls_bound"
)


@dataclass(frozen=True)
class Cell:
    """One training with its summaries: a system on so many CLS records."""

    corpus: Corpus
    size: int
    system: str
    seed: int

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"{self.corpus.name}_{self.size}_{self.system}_seed{self.seed}"

    @property
    def tuned(self) -> "Cell":
        """The cell whose trials decide the rate of this one."""
        system = SYSTEMS[self.system].rate_of or self.system
        return replace(self, size=self.corpus.tuned_at, system=system, seed=SEEDS[0])


def cells(corpus: Corpus) -> Iterator[Cell]:
    """All cells of a corpus, the comparisons before the ablations, seed by seed."""
    for seed in SEEDS:
        for size in reversed(corpus.sizes):
            for system in COMPARED:
                yield Cell(corpus, size, system, seed)
    if corpus.ablations:
        yield from _on_all(corpus, ABLATIONS)


def remedies(corpus: Corpus) -> Iterator[Cell]:
    """Cells outside the comparison: what else the literature offers against a collapse."""
    if corpus.ablations:
        yield from _on_all(corpus, REMEDIES)


def _on_all(corpus: Corpus, systems: Iterable[str]) -> Iterator[Cell]:
    for seed in SEEDS:
        for system in systems:
            yield Cell(corpus, corpus.sizes[-1], system, seed)
