"""From a trained model to CTranslate2's form, and from a bundle in this form to a model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fairseq.modules import MultiheadAttention
from torch import nn

from mclas_fairseq.bundles.config import BundleConfig, stored_options
from mclas_fairseq.ctranslate.files import FOLDER, FORMS
from mclas_fairseq.ctranslate.forms import save_form
from mclas_fairseq.ctranslate.library import ctranslate2
from mclas_fairseq.ctranslate.network import Ct2Network
from mclas_fairseq.ctranslate.search import Ct2Search
from mclas_fairseq.ctranslate.symbols import Symbols
from mclas_fairseq.ctranslate.transformer import unsupported
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.modules.attention_heads import HeadlessAttention
from mclas_fairseq.modules.pretrained_encoder import PretrainedEncoder
from mclas_fairseq.summarization.base_task import SummarizationTask
from mclas_fairseq.summarization.model import MclasModel
from mclas_fairseq.vhm.task import MultitaskSummarizationTask

_INSTEAD = (
    "export it without --format ct2, for torch, and where speed matters decode it with --precision"
    " int8 (mclas summarize, mclas serve)"
)


def check_forms(forms: Sequence[str]) -> None:
    """Refuse forms that there are not, and make sure that CTranslate2 is installed.

    Raises:
        ConfigError: one is none of `FORMS`, or is named twice.
        SetupError: CTranslate2 is not installed.
    """
    if not set(forms) <= set(FORMS) or len(set(forms)) < len(forms):
        raise ConfigError(
            f"--forms {','.join(forms)}: must be some of {', '.join(FORMS)}, each once; correct it"
        )
    ctranslate2(extra="ct2", purpose="--format ct2")


def form_writer(
    model: Any, task: SummarizationTask, forms: Sequence[str]
) -> Callable[[Path], None]:
    """What writes a model in CTranslate2's forms into a bundle.

    Args:
        model: with its weights.
        task: of the model, with the search that is used unless told otherwise.
        forms: some of `FORMS`.

    Raises:
        CheckpointError: CTranslate2 cannot hold the model; why, and what to use instead.
    """
    reason = _reason(model, task)
    if reason:
        raise CheckpointError(
            "--format ct2: must be a model that CTranslate2 can hold (architecture mclas, layout"
            f" ms, ncls or mclas, without copying), but {reason}; {_INSTEAD}"
        )
    model.eval().float()
    symbols = Symbols.of(task.grammar(), task.dictionary)

    def write(folder: Path) -> None:
        for form in forms:
            save_form(model, symbols, folder / FOLDER / form, form)

    return write


def _reason(model: Any, task: SummarizationTask) -> str:
    if isinstance(task, MultitaskSummarizationTask):
        return "it was trained on several tasks, with or without latent variables (VHM)"
    if task.layout is Layout.NCLS_MS:
        return "it has two decoders (layout ncls_ms)"
    if type(model) is not MclasModel:
        return f"it is a {type(model).__name__}"
    network: Any = model
    if network.decoder.copy_gate is not None:
        return "it copies words from the document (--copy-attention, --translated-copying)"
    if isinstance(network.encoder, PretrainedEncoder):
        return "it has a pretrained encoder (--pretrained-encoder)"
    if any(map(_lost_heads, network.modules())):
        return "it has lost attention heads (mclas heads prune)"
    return unsupported(network)


def _lost_heads(module: nn.Module) -> bool:
    if isinstance(module, MultiheadAttention):
        return bool(module.q_proj.out_features != module.embed_dim)
    return isinstance(module, HeadlessAttention)


def open_network(folder: Path, config: BundleConfig, task: SummarizationTask) -> Ct2Network:
    """The model of a bundle that was checked.

    Args:
        folder: the bundle.
        config: what it says of itself; it has forms.
        task: of the bundle; afterwards it searches as it did before.

    Raises:
        CheckpointError: the files are not of the bundle's vocabularies.
        SetupError: CTranslate2 is not installed.
    """
    ctranslate2(extra="ct2", purpose=f"bundle {folder}")
    options = task.decoding
    task.decode_with(stored_options(folder, config))
    symbols = Symbols.of(task.grammar(), task.dictionary)
    task.decode_with(options)
    return Ct2Network(folder, config.forms, symbols, config.max_target_positions)


def ct2_search(network: Ct2Network, task: SummarizationTask, options: DecodingOptions) -> Ct2Search:
    """How a task searches with a model in CTranslate2's form.

    Raises:
        ConfigError: an option that CTranslate2 cannot follow.
    """
    before = task.decoding
    task.decode_with(options)
    grammar = task.grammar()
    task.decode_with(before)
    return network.search(
        grammar,
        options,
        text=task.summary_text(),
        start=task.setting.start(task.decoder_choice),
    )
