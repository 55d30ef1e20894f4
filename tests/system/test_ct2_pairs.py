"""Both summaries in one call of CTranslate2, of a model that has learned to write them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pytest

from mclas_fairseq.ctranslate.calls import Row
from mclas_fairseq.ctranslate.search import Ct2Search, Hypothesis
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.summarizer import Summarizer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.conftest import Toy

LEARNING = "--max-update 300 --lr 0.02 --dropout 0 --label-smoothing 0 --warmup-updates 20".split()


@pytest.fixture(scope="module")
def bundle(toy: "Toy") -> "Path":
    """Of a model that knows the few documents that it was trained on."""
    sizes = ["--encoder-embed-dim", "32", "--decoder-embed-dim", "32"]
    flags = ["--target-layout", "mclas", "--lr-scheduler", "inverse_sqrt", *LEARNING, *sizes]
    folder = toy.train("pairs", *flags, "--disable-validation")
    out = toy.folder / "pairs-bundle"
    checkpoint = folder / "checkpoint_last.pt"
    toy.mclas(
        *("export", "--format", "ct2", "--forms", "float32"),
        *("--checkpoint", checkpoint, "--data", toy.data_bin, "--out", out),
    )
    return out


@pytest.mark.parametrize(("beam", "same", "alone"), [(1, 40, 8), (4, 34, 8)])
def test_our_search_finds_the_same(
    beam: int, same: int, alone: int, toy: "Toy", bundle: "Path", monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [" ".join(row["document"]["en"]) for row in toy.rows["train"]]
    options = DecodingOptions(beam=beam, max_len_b=30)
    checkpoint = toy.folder / "checkpoints" / "pairs" / "checkpoint_last.pt"
    on_torch = Summarizer.load([checkpoint], toy.data_bin, options, device="cpu")
    summarizer = Summarizer.from_bundle(bundle, options, device="cpu", precision="float32")
    generator = summarizer.search.generator
    assert isinstance(generator, Ct2Search)
    in_two_calls: list[Row] = []
    one_by_one = generator._one_by_one

    def counted(rows: Sequence[Row]) -> Iterable[tuple[Row, list[Hypothesis]]]:
        in_two_calls.extend(rows)
        return one_by_one(rows)

    monkeypatch.setattr(generator, "_one_by_one", counted)
    expected, found = on_torch.summarize(documents), summarizer.summarize(documents)
    pairs = zip(expected, found, strict=True)
    equal = [(a.best.score, b.best.score) for a, b in pairs if a.summary == b.summary]
    assert len({str(one.summary) for one in expected}) > 35, "documents are told apart"
    assert len(equal) >= same
    assert len(in_two_calls) <= alone
    # Over the list of both summaries, of which the other one's has next to no probability.
    close = [other == pytest.approx(one, abs=0.03) for one, other in equal]
    assert sum(close) >= same - alone
