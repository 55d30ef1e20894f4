"""Summaries told while they are written are the summaries that come at the end."""

import gzip
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.inference.token_watch import TextWatch

FIXTURE = Path(__file__).resolve().parents[1] / "compatibility" / "v0_1"


class Told:
    """What was told, by document and language."""

    def __init__(self) -> None:
        self.texts: dict[tuple[int, str], list[str]] = defaultdict(list)
        self.targets: set[str] = set()

    def __call__(self, document: int, target: str, language: str, text: str) -> None:
        assert text
        self.texts[document, language].append(text)
        self.targets.add(target)

    def whole(self, document: int, language: str) -> str:
        return "".join(self.texts[document, language]).strip()


def test_what_is_told_is_the_summary(summarizer: Summarizer, documents: list[str]) -> None:
    greedy = Summarizer(summarizer.models, summarizer.task, DecodingOptions(beam=1, max_len_b=12))
    told = Told()
    watched = list(greedy.stream(documents, batch_size=4, watch=told))
    assert [one.summary for one in watched] == [one.summary for one in greedy.stream(documents)]
    assert told.targets == {"de"}
    assert len({str(one.summary) for one in watched}) > 3, "documents are told apart"
    for number, summary in enumerate(watched):
        for language, text in summary.summary.items():
            assert told.whole(number, language) == text
            assert len(told.texts[number, language]) > len(text.split()) / 2, "by and by"


def test_a_wider_beam_tells_nothing(summarizer: Summarizer, documents: list[str]) -> None:
    told = Told()
    list(summarizer.stream(documents[:2], watch=told))
    assert not told.texts
    assert not summarizer.search.writes_by_token


@pytest.mark.parametrize("name", ["ms", "ncls", "ncls_ms", "many", "vhm"])
def test_every_kind_of_model_tells_its_summaries(tmp_path: Path, name: str) -> None:
    checkpoint = tmp_path / f"{name}.pt"
    checkpoint.write_bytes(gzip.decompress((FIXTURE / f"checkpoints/{name}.pt.gz").read_bytes()))
    both = "both" if name == "ncls_ms" else "cls"
    options = DecodingOptions(beam=1, max_len_b=12, summary_decoder=both)
    model = Summarizer.load([checkpoint], FIXTURE / "data-bin", options, device="cpu")
    told = Told()
    (found,) = model.stream(["The river rose in Zelburn."], watch=told)
    targets = found.targets or {list(found.summary)[-1]: found.hypotheses}
    assert told.targets == set(targets)
    for hypotheses in targets.values():
        for language, text in hypotheses[0].summary.items():
            if not found.targets or language != "en":  # each target language has an English one
                assert told.whole(0, language) == text


class Bytes:
    """A tokenizer whose pieces are bytes."""

    def decode(self, pieces: list[str], language: str) -> str:
        return bytes(int(piece) for piece in pieces).decode("utf-8", "replace")


@pytest.mark.parametrize("second_decoder", [False, True])
def test_half_a_letter_is_not_told(second_decoder: bool) -> None:
    """One decoder writes a separator between the summaries; two begin twice."""
    separator, start = 256, 257
    task: Any = SimpleNamespace(
        targets=SimpleNamespace(symbols={"de": separator}, several=False),
        source_lang="en",
        languages=("en", "de"),
        dictionary=[str(number) for number in range(256)],
        data_bin=SimpleNamespace(tokenizer=Bytes()),
    )
    told = Told()
    watch = TextWatch(told, task, [7], ["de"])
    first, second = list("a€b".encode()), list("漢字".encode())
    written = [start, *first, *([start] if second_decoder else [separator]), *second]
    width = 0
    for token in written:
        width = 1 if token == start else width + 1
        watch([0], torch.full((1, width), token))
    watch.finish(0, {"en": "a€b", "de": "漢字"})
    assert told.texts == {(7, "en"): ["a", "€", "b"], (7, "de"): ["漢", "字"]}
