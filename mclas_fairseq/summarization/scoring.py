"""Decoded documents with their raw references: for the scorer, and for validation by ROUGE."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from torch import nn

from mclas_fairseq.data.layouts import DecoderChoice
from mclas_fairseq.data.setting import Setting
from mclas_fairseq.data.summary_text import SummaryText
from mclas_fairseq.data.target_languages import TargetLanguages
from mclas_fairseq.evaluation.content import content_protocol
from mclas_fairseq.evaluation.protocols import get_protocols
from mclas_fairseq.scoring.feed import ScoredDocument
from mclas_fairseq.scoring.validation import ValidationRouge
from mclas_fairseq.summarization.search import SearchBuilder


def validation_rouge(cfg: Any, languages: Sequence[str]) -> Optional[ValidationRouge]:
    """What scores decoded validation documents; None without --eval-rouge.

    Raises:
        ConfigError: its options are not what they must be.
    """
    if not cfg.eval_rouge:
        return None
    tokenizer = cfg.rouge_tokenizer
    rules = get_protocols(
        cfg.rouge_protocol, languages, tokenizer=None if tokenizer is None else Path(tokenizer)
    )
    rouge = ValidationRouge.from_json(cfg.eval_rouge_args, cfg.eval_rouge_documents, rules)
    content = {code: content_protocol(code) for code in languages}
    known = {code: protocol for code, protocol in content.items() if protocol is not None}
    return replace(rouge, content=known)


def score_batch(
    rouge: ValidationRouge, search: SearchBuilder, model: nn.Module, sample: dict[str, Any]
) -> dict[str, float]:
    """Decode the chosen documents of a validation batch, all summaries that the model learns.

    Returns:
        Sums for the log, see `ValidationRouge.score`.
    """
    setting = search.setting
    generator = search.build([model], Namespace(**rouge.options), DecoderChoice.BOTH, {})
    return rouge.score(
        sample,
        lambda part: generator.generate([model], part),
        text=setting.text(setting.languages),
        references=setting.data_bin.references(sample["split"]),
    )


def scored_documents(
    setting: Setting,
    text: SummaryText,
    sample: dict[str, Any],
    hypotheses: Sequence[Sequence[dict[str, Any]]],
) -> Iterator[ScoredDocument]:
    """The best hypothesis of each document of a batch, in its order, with the references.

    Args:
        setting: whose data-bin has the references.
        text: turns hypotheses to summaries.
        sample: the batch; `split` names its split, `id` holds rows of it.
        hypotheses: of each document, best first.
    """
    split = sample["split"]
    ids, references = setting.data_bin.ids(split), setting.data_bin.references(split)
    for row, candidates in zip(sample["id"].tolist(), hypotheses, strict=True):
        summaries = text.summaries(candidates[0]["tokens"].tolist())
        yield ScoredDocument(
            id=ids[row],
            hypotheses=without_repeats(summaries, setting.targets),
            references=references[row],
            row=row,
        )


def without_repeats(summaries: dict[str, Any], targets: TargetLanguages) -> dict[str, Any]:
    """Summaries of a hypothesis, the source-language one of the first target language only.

    Each document has one of them for each target language; it is scored once.
    """
    target = list(summaries)[-1]
    return summaries if target == targets.first else {target: summaries[target]}
