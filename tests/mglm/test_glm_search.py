"""fairseq's search over mGLM: documents are read once and not moved, scores are right."""

import itertools
import math
from typing import Any, Optional

import pytest
import torch
from fairseq.data import Dictionary
from fairseq.sequence_generator import SequenceGenerator
from fairseq.sequence_scorer import SequenceScorer
from torch import Tensor

from tests.mglm.small import SYMBOLS, make_dictionary, make_model, one_pass, pad_rows

TEXTS = [
    torch.tensor([SYMBOLS.cls, 4, 5, 9, 7, SYMBOLS.sentence_mask]),
    torch.tensor([SYMBOLS.cls, 10, 11, SYMBOLS.sentence_mask]),
    torch.tensor([SYMBOLS.cls, 8, 8, 12, SYMBOLS.sentence_mask]),
]

# A seed with which documents are done at different steps, and leave the batch.
ENDS_EARLY = 6


def not_words(dictionary: Dictionary) -> list[str]:
    """Entries that no output may hold; padding and `<unk>` are fairseq's business."""
    ours = ("<eop>", "<pad>", "<unk>")
    return [name for name in dictionary.symbols if not name.startswith("w") and name not in ours]


def search(
    model: Any, texts: list[Tensor], dictionary: Optional[Dictionary] = None, **options: Any
) -> list[Any]:
    dictionary = dictionary or make_dictionary()
    generator = SequenceGenerator(
        [model],
        dictionary,
        eos=dictionary.index("<eop>"),
        tokens_to_suppress=tuple(not_words(dictionary)),
        unk_penalty=math.inf,
        **options,
    )
    given = {"src_tokens": pad_rows(texts, SYMBOLS.pad)}
    found: list[Any] = generator.generate(
        [model], {"net_input": given}, bos_token=dictionary.index("<sop>")
    )
    return found


def forced(model: Any, text: Tensor, tokens: Tensor) -> Tensor:
    """Log-probability of each token, by the one masked pass."""
    span = torch.cat([tokens.new_tensor([SYMBOLS.sop]), tokens[:-1]])
    blank = torch.full_like(span, text.numel() - 1)
    logits = one_pass(model, text, span, blank, torch.arange(1, span.numel() + 1)).detach()
    return logits.log_softmax(-1).gather(1, tokens[:, None])[:, 0]


def test_scores_of_the_beam_are_those_of_forced_decoding() -> None:
    model = make_model()
    found = search(model, TEXTS, beam_size=3, max_len_b=7)
    for text, hypotheses in zip(TEXTS, found, strict=True):
        assert len(hypotheses) == 3
        for hypothesis in hypotheses:
            wanted = forced(model, text, hypothesis["tokens"])
            torch.testing.assert_close(
                hypothesis["positional_scores"], wanted, atol=1e-5, rtol=1e-5
            )
            assert float(hypothesis["score"]) == pytest.approx(float(wanted.mean()), abs=1e-5)


def test_fairseqs_scorer_agrees_with_the_beam() -> None:
    model = make_model()
    best = [each[0] for each in search(model, TEXTS, beam_size=3, max_len_b=7)]
    target = pad_rows([each["tokens"] for each in best], SYMBOLS.pad)
    prev = torch.cat([target.new_full((3, 1), SYMBOLS.sop), target[:, :-1]], dim=1)
    scorer = SequenceScorer(make_dictionary(), eos=SYMBOLS.eop)
    net_input = {"src_tokens": pad_rows(TEXTS, SYMBOLS.pad), "src_lengths": None}
    scored = scorer.generate(
        [model], {"net_input": {**net_input, "prev_output_tokens": prev}, "target": target}
    )
    for ours, theirs in zip(best, scored, strict=True):
        assert float(theirs[0]["score"]) == pytest.approx(float(ours["score"]), abs=1e-5)


def test_a_batch_of_documents_is_one_by_one() -> None:
    model = make_model(ENDS_EARLY)
    together = search(model, TEXTS, beam_size=4, max_len_b=9)
    assert len({max(h["tokens"].numel() for h in each) for each in together}) > 1
    for text, found in zip(TEXTS, together, strict=True):
        (alone,) = search(model, [text], beam_size=4, max_len_b=9)
        for one, other in zip(found, alone, strict=True):
            assert one["tokens"].tolist() == other["tokens"].tolist()
            assert float(one["score"]) == pytest.approx(float(other["score"]), abs=1e-4)


def test_beam_of_one_takes_the_likeliest_token_of_a_full_pass() -> None:
    model = make_model()
    dictionary = make_dictionary()
    banned = [dictionary.index(name) for name in (*not_words(dictionary), "<pad>", "<unk>")]
    for text, found in zip(TEXTS, search(model, TEXTS, beam_size=1, max_len_b=6), strict=True):
        span = [SYMBOLS.sop]
        while len(span) < 8 and span[-1] != SYMBOLS.eop:
            tokens = torch.tensor(span)
            blank = torch.full_like(tokens, text.numel() - 1)
            logits = one_pass(model, text, tokens, blank, torch.arange(1, len(span) + 1))[-1]
            logits[banned] = float("-inf")
            if len(span) == 1:
                logits[SYMBOLS.eop] = float("-inf")  # the shortest output has one token
            last = len(span) == 7
            span.append(SYMBOLS.eop if last else int(logits.argmax()))
        assert found[0]["tokens"].tolist() == span[1:]


def test_a_wide_beam_finds_the_best_of_all_sequences() -> None:
    # Filled up, as fairseq wants more entries than twice the beam.
    dictionary = make_dictionary(4, multiple=136)
    model = make_model(dictionary=dictionary)
    eop = dictionary.index("<eop>")
    text = torch.tensor([dictionary.index(name) for name in ("[CLS]", "w1", "w3", "[sMASK]")])
    words = [dictionary.index(f"w{number}") for number in range(4)]
    scores: dict[tuple[int, ...], float] = {}
    for length in (1, 2, 3):
        for choice in itertools.product(words, repeat=length):
            tokens = torch.tensor([*choice, eop])
            span = torch.tensor([dictionary.index("<sop>"), *choice])
            blank = torch.full_like(span, 3)
            logits = one_pass(model, text, span, blank, torch.arange(1, span.numel() + 1))
            logged = logits.log_softmax(-1).gather(1, tokens[:, None])
            scores[tuple(tokens.tolist())] = float(logged.detach().mean())
    (found,) = search(model, [text], dictionary, beam_size=64, max_len_b=3)
    best = max(scores, key=lambda tokens: scores[tokens])
    assert tuple(found[0]["tokens"].tolist()) == best
    assert float(found[0]["score"]) == pytest.approx(scores[best], abs=1e-5)


def test_search_reads_documents_once_and_does_not_copy_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = make_model(ENDS_EARLY)
    reads: list[int] = []
    read = model.stack.read

    def count(tokens: Tensor, *rest: Any) -> Any:
        reads.append(tokens.size(0))
        return read(tokens, *rest)

    monkeypatch.setattr(model.stack, "read", count)
    seen: list[tuple[int, int, int]] = []
    write = model.stack.write

    def watch(tokens: Tensor, positions: Any, document: Any, *rest: Any) -> Any:
        keys = document[0].keys
        seen.append((tokens.size(0), keys.size(0), keys.data_ptr()))
        return write(tokens, positions, document, *rest)

    monkeypatch.setattr(model.stack, "write", watch)
    search(model, TEXTS, beam_size=4, max_len_b=9)
    assert reads == [3]
    assert all(rows == 4 * documents for rows, documents, _ in seen)
    # A new place in memory only where a document was done.
    assert len({place for _, _, place in seen}) <= len({documents for _, documents, _ in seen})
    assert len({documents for _, documents, _ in seen}) > 1


def test_documents_can_be_put_in_another_order_before_a_search() -> None:
    model = make_model()
    out = model.encoder(pad_rows(TEXTS, SYMBOLS.pad))
    turned = model.encoder.reorder_encoder_out(out, torch.tensor([2, 0]))
    span = torch.tensor([[SYMBOLS.sop, 4], [SYMBOLS.sop, 4]])
    whole, _ = model.decoder(span[[0, 0, 0]], out)
    part, _ = model.decoder(span, turned)
    torch.testing.assert_close(part, whole[[2, 0]], atol=1e-5, rtol=1e-5)
