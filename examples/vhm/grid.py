"""What the VHM study trains: corpora, systems, sizes, and the settings that all share."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

RATES = ("1e-3", "2e-3")  # the trials of every system
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class System:
    """A system of Liang et al. (2022): its name in their tables, and what it is trained with.

    Attributes:
        label: as in Tables 2 to 5.
        flags: architecture, tasks and latent variables.
        ablation: whether it is one of Table 5.
    """

    label: str
    flags: str
    ablation: bool = False

    @property
    def latent(self) -> bool:
        """Whether it has latent variables."""
        return "--arch vhm" in self.flags


_VHM = "--arch vhm_tiny --train-tasks mt,ms,cls"
SYSTEMS = {
    "tncls": System("TNCLS", "--arch tncls_tiny --train-tasks cls"),
    "mt_ms_cls": System("MT-MS-CLS", "--arch mt_ms_cls_tiny --train-tasks mt,ms,cls"),
    "vhm": System("VHM", _VHM),
    "vhm-no-mt": System("VHM without z_mt", f"{_VHM} --latents ms,cls", ablation=True),
    "vhm-no-ms": System("VHM without z_ms", f"{_VHM} --latents mt,cls", ablation=True),
    "vhm-no-local": System("VHM without both", f"{_VHM} --latents cls", ablation=True),
    "vhm-no-cls": System("VHM without z_cls", f"{_VHM} --latents mt,ms", ablation=True),
    "vhm-flat": System("VHM without hierarchy", f"{_VHM} --no-latent-hierarchy", ablation=True),
}
COMPARED = tuple(name for name, system in SYSTEMS.items() if not system.ablation)
ABLATIONS = tuple(name for name, system in SYSTEMS.items() if system.ablation)


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
        seconds: budget of a cell on one thread of this study's machine, training and decoding.
        ablations: whether the ablations are trained on it.
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
    updates=300,
    validate=50,
    flags="--max-tokens 1024 --max-source-positions 192 --max-target-positions 192 "
    "--warmup-updates 100",
    search="--beam 4 --lenpen 0.6 --max-len-b 40 --no-repeat-ngram-size 3 --batch-size 50",
    seconds=120,
    ablations=True,
)
XSCITLDR = Corpus(
    name="xscitldr",
    sizes=(200, 1_983),
    tuned_at=1_983,
    updates=300,
    validate=100,
    flags="--max-tokens 1536 --max-source-positions 200 --max-target-positions 200 "
    "--warmup-updates 150",
    search="--beam 4 --lenpen 0.6 --max-len-b 60 --no-repeat-ngram-size 3 --batch-size 32",
    seconds=180,
    ablations=False,
)
CORPORA = {corpus.name: corpus for corpus in (NEWS, XSCITLDR)}

# Of every training. The checkpoint is chosen by the bound of CLS on validation data, which without
# latent variables is the NLL; annealing ends at half of the updates.
COMMON = (
    "--task multitask_summarization --criterion vhm_elbo --label-smoothing 0.1 --dropout 0.1 "
    "--copy-attention --optimizer adam --adam-betas (0.9,0.998) --adam-eps 1e-9 --clip-norm 1.0 "
    "--lr-scheduler inverse_sqrt --num-workers 0 --cpu --bf16 --log-format simple "
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
        """The cell whose trials decide the rate of this one; ablations take VHM's."""
        system = "vhm" if SYSTEMS[self.system].ablation else self.system
        return replace(self, size=self.corpus.tuned_at, system=system, seed=SEEDS[0])


def cells(corpus: Corpus) -> Iterator[Cell]:
    """All cells of a corpus, the comparisons before the ablations, seed by seed."""
    for seed in SEEDS:
        for size in reversed(corpus.sizes):
            for system in COMPARED:
                yield Cell(corpus, size, system, seed)
    if corpus.ablations:
        for seed in SEEDS:
            for system in ABLATIONS:
                yield Cell(corpus, corpus.sizes[-1], system, seed)
