"""Does z matter? What a split's summaries lose when the decoder is given another value of it.

The decoder of Liang et al. (2022, arXiv:2203.03820) reads the mean of the prior at inference. Here
it reads other values in its place: a draw, the mean of the recognition network (which sees the
reference), another document's z, the mean z of the split, and z = 0. If another document's z and
the mean one cost nothing, z tells nothing of the document; z = 0 alone would also hurt a model
whose z is a constant.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from fairseq import utils
from numpy.typing import NDArray
from torch import Tensor

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.vhm.gaussian import Gaussian
from mclas_fairseq.vhm.latents import GLOBAL
from mclas_fairseq.vhm.model import VhmModel
from mclas_fairseq.vhm.noise import Draw, LatentNoise, draw_mean
from mclas_fairseq.vhm.task import MultitaskSummarizationTask
from mclas_fairseq.vhm.terms import latent_means, lower_bounds, reference_nll

logger = logging.getLogger(__name__)

PRIOR_MEAN, SAMPLE, POSTERIOR, OTHER, CORPUS, ZERO = CHOICES = (
    "prior mean",
    "sample",
    "posterior mean",
    "another document's",
    "mean of the split",
    "zero",
)
_ACTIVE = 0.01  # Burda et al. (2016): variance of a unit's posterior mean over the data
_METRICS = ("rouge1", "rouge2", "rougeL")

Values = dict[str, Tensor]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StudyOptions:
    """What is measured.

    Attributes:
        split: of the data-bin; training splits have no raw references.
        samples: draws of the bounds.
        batch_size: documents encoded together.
        seed: of draws, and of who gets whose z.
        documents: at most so many, spread evenly over the split; 0: all.

    Raises:
        ConfigError: a number that cannot be.
    """

    split: str = "test"
    samples: int = 10
    batch_size: int = 32
    seed: int = 1
    documents: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.samples < 1 or self.batch_size < 1 or self.documents < 0:
            raise ConfigError(
                f"--samples {self.samples} --batch-size {self.batch_size} --documents "
                f"{self.documents}: the first two must be at least 1, the last not negative; "
                "the defaults are 10, 32 and 0"
            )


@dataclass(frozen=True, eq=False)
class LatentStudy:
    """What was measured, document by document, in the order of the split; nats per sentence.

    Attributes:
        tokens: of each reference, EOS included, (N,).
        nll: by choice of z, (N,).
        rouge: by choice of z and metric, F1 in points, (N,).
        elbo: lower bound of log p(Y | X), (N,).
        importance: the importance-weighted one, (N,).
        kl: of what is drawn from recognition networks, (N,).
        active: by latent variable with a recognition network in CLS, units whose posterior mean
            varies over the documents.
        prior_means: by latent variable, (N, Z).
        posterior_means: likewise.
        signature: of ROUGE.
        samples: draws of the bounds.
    """

    tokens: Floats
    nll: dict[str, Floats]
    rouge: dict[str, dict[str, Floats]]
    elbo: Floats
    importance: Floats
    kl: Floats
    active: dict[str, int]
    prior_means: dict[str, Floats]
    posterior_means: dict[str, Floats]
    signature: str
    samples: int


def study_latents(
    model: VhmModel, task: MultitaskSummarizationTask, generator: Any, options: StudyOptions
) -> LatentStudy:
    """Measure a split.

    Args:
        model: with latent variables, in evaluation mode.
        task: of its training, with its data-bin.
        generator: the search, built by the task.
        options: what is measured.

    Raises:
        ConfigError: the model has no latent variables, or the split no other document.
        DataError: the split is missing or has no summaries in the target language.
    """
    batches, order = _material(model, task, options)
    means = [latent_means(model, batch) for batch in batches]
    prior = _join([one.z for one, _ in means])
    posterior = _join([one.z for _, one in means])
    active = {
        name: int((posterior[name].var(dim=0) > _ACTIVE).sum()) for name in means[0][1].posterior
    }
    bounds = [
        lower_bounds(model, batch, samples=options.samples, seed=options.seed) for batch in batches
    ]
    draws = _draws(model, prior, posterior, options.seed)
    decode = _Decoder(model, task, generator, options.split)
    nll, rouge = {}, {}
    for choice in CHOICES:
        logger.info("decoding %d documents with z: %s", len(order), choice)
        each = [draws(choice, start, batch) for start, batch in _starts(batches)]
        nll[choice] = _array(
            [reference_nll(model, batch, draw) for batch, draw in zip(batches, each, strict=True)]
        )[order]
        rouge[choice] = {name: values[order] for name, values in decode(batches, each).items()}
    tokens = _array([batch["target"].ne(decode.pad).sum(dim=1) for batch in batches])[order]
    return LatentStudy(
        tokens=tokens,
        nll=nll,
        rouge=rouge,
        elbo=_array([one.elbo for one in bounds])[order],
        importance=_array([one.importance for one in bounds])[order],
        kl=_array([one.kl for one in bounds])[order],
        active=active,
        prior_means={name: _array([z])[order] for name, z in prior.items()},
        posterior_means={name: _array([posterior[name]])[order] for name in means[0][1].posterior},
        signature=decode.signature,
        samples=options.samples,
    )


def _material(
    model: VhmModel, task: MultitaskSummarizationTask, options: StudyOptions
) -> tuple[list[dict[str, Any]], NDArray[np.int64]]:
    """The split's batches, and where its documents (N,) stand in them, in the split's order."""
    if not model.plan.decoder_inputs(GLOBAL):
        raise ConfigError(
            "checkpoint: its decoder must read latent variables in cross-lingual summarization, "
            "this one's reads none; give a checkpoint of vhm"
        )
    batches = list(_batches(task, options, next(model.parameters()).device))
    rows = torch.cat([batch["id"] for batch in batches]).cpu()
    if len(rows) < 2:
        raise ConfigError(
            f"--split {options.split}: another document's z needs two documents, met {len(rows)}; "
            "give a larger split or --documents"
        )
    return batches, rows.argsort().numpy()


class _Decoder:
    """Decodes batches with given draws and scores what is written."""

    def __init__(self, model: VhmModel, task: Any, generator: Any, split: str):
        self.pad = task.dictionary.pad()
        self.signature = ""
        self._model = model
        self._generator = generator
        self._text = task.summary_text()
        self._language = task.languages[-1]
        self._references = task.data_bin.references(split)

    def __call__(
        self, batches: Sequence[dict[str, Any]], draws: Sequence[Draw]
    ) -> dict[str, Floats]:
        written: list[str] = []
        references: list[Sequence[str]] = []
        for batch, draw in zip(batches, draws, strict=True):
            net_input = {**batch["net_input"], "draw": draw}
            found = self._generator.generate([self._model], {**batch, "net_input": net_input})
            for row, hypotheses in zip(batch["id"].tolist(), found, strict=True):
                summary = self._text.summaries(hypotheses[0]["tokens"].tolist())
                written.append(summary[self._language])
                references.append(self._references[row][self._language])
        scores = score_rouge(written, references, language=self._language)
        self.signature = scores.signature()
        return {name: 100.0 * scores.f1[name] for name in _METRICS}


def _batches(
    task: MultitaskSummarizationTask, options: StudyOptions, device: torch.device
) -> Iterator[dict[str, Any]]:
    if options.split.startswith("train"):
        raise ConfigError(
            f"--split {options.split}: no raw references are kept of training documents; give "
            "valid or test"
        )
    task.load_dataset(options.split, epoch=1)
    dataset = task.datasets[options.split].parts[GLOBAL]
    chosen = dataset.ordered_indices()
    if 0 < options.documents < len(chosen):
        spread = np.linspace(0, len(chosen) - 1, options.documents).round().astype(int)
        chosen = chosen[spread]
    for start in range(0, len(chosen), options.batch_size):
        rows = chosen[start : start + options.batch_size]
        batch = dataset.collater([dataset[int(row)] for row in rows])
        moved: dict[str, Any] = utils.apply_to_sample(lambda tensor: tensor.to(device), batch)
        yield moved


def _draws(
    model: VhmModel, prior: Values, posterior: Values, seed: int
) -> Callable[[str, int, dict[str, Any]], Draw]:
    """What gives a batch its values: (choice, place of its first document, batch) -> draw."""
    read = model.plan.decoder_inputs(GLOBAL)
    count = len(prior[read[0]])
    # Around one circle through all documents, so that each gets another one's.
    circle = np.random.default_rng(seed).permutation(count)
    other = torch.empty(count, dtype=torch.long)
    other[torch.as_tensor(circle)] = torch.as_tensor(np.roll(circle, 1))
    given = {
        POSTERIOR: {name: posterior[name] for name in read},
        OTHER: {name: prior[name][other.to(prior[name].device)] for name in read},
        CORPUS: {name: prior[name].mean(dim=0).expand(count, -1) for name in read},
        ZERO: {name: torch.zeros_like(prior[name]) for name in read},
    }

    def of_batch(choice: str, start: int, batch: dict[str, Any]) -> Draw:
        if choice == PRIOR_MEAN:
            return draw_mean
        if choice == SAMPLE:
            return LatentNoise(seed).draw(GLOBAL, batch["id"])
        rows = slice(start, start + len(batch["id"]))
        return _given({name: values[rows] for name, values in given[choice].items()})

    return of_batch


def _given(values: Values) -> Draw:
    def drawn(name: str, gaussian: Gaussian) -> Tensor:
        return values.get(name, gaussian.mean)

    return drawn


def _starts(batches: Sequence[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    start = 0
    for batch in batches:
        yield start, batch
        start += len(batch["id"])


def _join(parts: Sequence[Values]) -> Values:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _array(parts: Sequence[Tensor]) -> Floats:
    return torch.cat([part.double().cpu() for part in parts]).numpy()
