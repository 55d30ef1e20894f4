"""The documents of a probe: what the model reads, words, and maps of teacher-forced passes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import torch
from torch import Tensor, nn

from mclas_fairseq.data.layouts import Layout, build_target
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.protocols.content import ContentProtocol
from mclas_fairseq.heads.capture import captured
from mclas_fairseq.heads.losses import Batch, Change, batches
from mclas_fairseq.heads.probe.links import Pair
from mclas_fairseq.heads.probe.statistics import Bools, Floats, Source
from mclas_fairseq.heads.probe.words import Words, words_of

OF_TWO = ("decoder", "ms_decoder")


@dataclass(frozen=True)
class Document:
    """A document with its gold summaries, as the model reads them.

    Attributes:
        name: id of its record.
        source: pieces of the document with the symbols around it, S of them.
        first: `S^A`.
        second: `S^B`.
        maps: by attention of the decoders, as "decoder.0.self", attention of its heads (H, T, T)
            or (H, T, S); rows and columns of padding are gone.
    """

    name: str
    source: Words
    first: Words
    second: Words
    maps: dict[str, Floats]

    @property
    def pair(self) -> Pair:
        """Words of the summaries."""
        return Pair(self.name, self.first.texts, self.second.texts)


@dataclass(frozen=True)
class Probed:
    """A model with what is read by it.

    Attributes:
        task: of the model.
        model: in evaluation mode.
        split: of the data-bin.
        count: documents at most, 0: all.
        batch_size: documents of a batch.
        change: what is done to the samples of all documents before batches are made.
    """

    task: Any
    model: nn.Module
    split: str
    count: int
    batch_size: int
    change: Optional[Change] = None

    @property
    def languages(self) -> tuple[str, str]:
        """Of `S^A` and of `S^B`."""
        return self.task.source_lang, self.task.target_lang

    @property
    def places(self) -> list[str]:
        """The attentions that are probed: of a model with a decoder for each summary, cross ones.

        There `S^A` is not before `S^B`, which makes self-attention another thing.
        """
        from mclas_fairseq.modules.attention_heads import attentions

        kinds = ("cross",) if self.two_decoders else ("self", "cross")
        return [
            one.place
            for one in attentions(self.model)
            if one.kept and one.place.split(".")[0] in OF_TWO and one.place.split(".")[-1] in kinds
        ]

    @property
    def two_decoders(self) -> bool:
        """Whether each summary has a decoder of its own."""
        return bool(self.task.layout is Layout.NCLS_MS)

    def batches(self) -> Iterator[Batch]:
        """The batches, changed."""
        return batches(
            self.task,
            self.split,
            documents=self.count,
            batch_size=self.batch_size,
            device=next(self.model.parameters()).device,
            change=self.change,
        )


def check_probed(task: Any) -> None:
    """Refuse models that do not write both summaries of one pair of languages.

    Raises:
        ConfigError: it is such a model.
    """
    layout = getattr(task, "layout", None)
    if layout not in (Layout.MCLAS, Layout.NCLS_MS):
        raise ConfigError(
            "--checkpoint: must be of --target-layout mclas or ncls_ms, which write summaries in"
            f" two languages, but is of {layout}; train one of those"
        )
    if len(task.targets.trained) > 1:
        raise ConfigError(
            "--checkpoint: must have one target language, as links are between two, but has"
            f" {', '.join(task.targets.trained)}; train one with --target-lang"
        )


@torch.no_grad()
def documents(probed: Probed) -> Iterator[Document]:
    """Read the documents one by one, in the order of the batches."""
    read: list[Tensor] = []

    def keep(_: nn.Module, __: Any, output: Any) -> None:
        tokens = output["src_tokens"] if isinstance(output, dict) else None
        read[:] = [tokens[0]] if tokens else []

    encoder: Any = probed.model
    hook = encoder.encoder.register_forward_hook(keep)
    try:
        with captured(probed.model, probed.places) as maps:
            for batch in probed.batches():
                probed.model(**batch["net_input"])
                source = read[0] if read else batch["net_input"]["src_tokens"]
                for row in range(len(batch["target"])):
                    yield _document(probed, batch, source[row], maps, row)
    finally:
        hook.remove()


def _document(
    probed: Probed, batch: Batch, source: Tensor, maps: dict[str, Tensor], row: int
) -> Document:
    task = probed.task
    pad = task.dictionary.pad()
    columns = source.ne(pad)
    first, second = _summaries(task, batch, row)
    lengths = {"decoder": first.size(0) + second.size(0) + 2}
    if probed.two_decoders:
        lengths = {"decoder": second.size(0) + 1, "ms_decoder": first.size(0) + 1}
    own = {}
    for place, weights in maps.items():
        length = lengths[place.split(".")[0]]
        kept = weights[row, :, :length].float().cpu()  # H x T x (T or S)
        kept = kept[..., :length] if place.endswith("self") else kept[..., columns.cpu()]
        own[place] = kept.double().numpy()
    language_a, language_b = probed.languages
    return Document(
        task.data_bin.ids(probed.split)[int(batch["id"][row])],
        _words(task, source[columns], task.source_lang),
        _words(task, first, language_a),
        _words(task, second, language_b),
        own,
    )


def pair_of(probed: Probed, batch: Batch, row: int) -> Pair:
    """Id of a document of a batch, and the words of its summaries."""
    task, (language_a, language_b) = probed.task, probed.languages
    first, second = _summaries(task, batch, row)
    return Pair(
        task.data_bin.ids(probed.split)[int(batch["id"][row])],
        _words(task, first, language_a).texts,
        _words(task, second, language_b).texts,
    )


def _summaries(task: Any, batch: Batch, row: int) -> tuple[Tensor, Tensor]:
    """Tokens of both gold summaries, without symbols."""
    target = batch["target"][row]
    ends = (task.dictionary.pad(), task.dictionary.eos())
    if "ms_target" in batch:
        first, second = batch["ms_target"][row], target
    else:
        at = int(torch.isin(target, _separators(task, target)).nonzero()[0])
        first, second = target[:at], target[at + 1 :]
    bare = [half[~torch.isin(half, half.new_tensor(ends))] for half in (first, second)]
    return bare[0], bare[1]


def _separators(task: Any, like: Tensor) -> Tensor:
    return like.new_tensor(list(task.targets.symbols.values()))


def _words(task: Any, tokens: Tensor, language: str) -> Words:
    """Symbols of the dictionary become pieces without words."""
    special = _special(task)
    ids = tokens.tolist()
    spoken = [number for number, index in enumerate(ids) if index not in special]
    tokenizer = task.data_bin.tokenizer
    words = words_of([task.dictionary[ids[number]] for number in spoken], tokenizer, language)
    of_piece: list[tuple[int, ...]] = [()] * len(ids)
    for number, own in zip(spoken, words.of_piece, strict=True):
        of_piece[number] = own
    return Words(tuple(task.dictionary[index] for index in ids), words.texts, tuple(of_piece))


def _special(task: Any) -> set[int]:
    dictionary = task.dictionary
    found = {dictionary.bos(), dictionary.eos(), dictionary.pad()}
    # A pretrained encoder's first piece, where it is not the dictionary's own start.
    for piece in ("[CLS]", "[SEP]", "<s>", "</s>"):
        if piece in dictionary:
            found.add(int(dictionary.index(piece)))
    return found


def source_of(document: Document, content: Optional[ContentProtocol]) -> Source:
    """Which pieces of the document are content that `S^A` has, and which are nothing."""
    words = document.source
    wanted = set(_content(document.first.texts, content))
    shared = [bool(wanted & set(_content([text], content))) for text in words.texts]
    hit = [any(shared[number] for number in own) for own in words.of_piece]
    null = [not own or words.ends_sentence(piece) for piece, own in enumerate(words.of_piece)]
    return Source(_bools(hit), _bools(null))


def _content(texts: Sequence[str], content: Optional[ContentProtocol]) -> list[str]:
    if content is None:  # no list of function words: every word is content
        return [text.lower() for text in texts if any(map(str.isalnum, text))]
    return [word for text in texts for word in content.words(text)]


def _bools(values: Sequence[bool]) -> Bools:
    return np.array(values, dtype=bool)


def with_other_summaries(task: Any) -> Change:
    """A control: each document keeps its `S^B` and gets the `S^A` of another one.

    Documents are in order of length, and the other one is half of them away.
    """

    def change(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
        halves = []
        for sample in samples:
            target = sample["target"]
            at = int(torch.isin(target, _separators(task, target)).nonzero()[0])
            halves.append((target[:at], target[at + 1 : -1]))
        spec = task.setting.target_spec()
        separator = next(iter(task.targets.symbols.values()))
        shift = max(1, len(samples) // 2)
        return [
            {
                **sample,
                "target": build_target(
                    [halves[(number + shift) % len(samples)][0], halves[number][1]],
                    separator=separator,
                    eos=spec.eos,
                    limit=spec.max_positions,
                ),
            }
            for number, sample in enumerate(samples)
        ]

    return change
