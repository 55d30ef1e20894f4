"""Unrestricted search over a pretrained vocabulary never writes its special pieces."""

from argparse import Namespace
from typing import Any

import pytest

from mclas_fairseq.data.indexed_dictionary import IndexedDictionary
from mclas_fairseq.generation.building import build_summary_generator
from mclas_fairseq.generation.grammar import PlanContent, SummaryGrammar
from mclas_fairseq.generation.options import DecodingOptions

BERT = ["[PAD]", *(f"[unused{n}]" for n in range(1, 9)), "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"]
XLMR = ["<s>", "<pad>", "</s>", "<unk>", "▁a", "<mask>"]


def grammar(dictionary: IndexedDictionary) -> SummaryGrammar:
    """What the search of two unrestricted summaries is built with."""

    def base_build(models: Any, args: Any, **kwargs: Any) -> Any:
        return kwargs["extra_gen_cls_kwargs"]["grammar"]

    model: Any = Namespace(max_decoder_positions=lambda: 50)
    built: Any = build_summary_generator(
        base_build,
        [model],
        Namespace(),
        dictionary=dictionary,
        plans=[PlanContent([[], []], dictionary.index("[LSEP]"))],
        options=DecodingOptions(restrict_vocab="none"),
        extra_kwargs={},
    )
    assert isinstance(built, SummaryGrammar)
    return built


@pytest.mark.parametrize(("pieces", "word"), [(BERT, "a"), (XLMR, "▁a")], ids=["bert", "xlmr"])
def test_only_text_and_the_two_ends_can_be_written(pieces: list[str], word: str) -> None:
    dictionary = IndexedDictionary.from_pieces(pieces)
    possible = grammar(dictionary).mask_table().eq(0).any(dim=0).nonzero().flatten().tolist()
    assert [dictionary[index] for index in sorted(possible)] == sorted(
        {word, "</s>", "[LSEP]"}, key=dictionary.index
    )
