"""VHM and its baselines with copies that are translated: which tasks translate, and search."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.data.target_languages import TargetLanguages
from mclas_fairseq.generation.forced_scoring import score_hypotheses
from mclas_fairseq.generation.generator import SummaryGenerator
from mclas_fairseq.generation.grammar import build_grammar
from mclas_fairseq.lexicon.file import Lexicon
from mclas_fairseq.vhm.batches import TrainTask
from mclas_fairseq.vhm.model import VhmModel

ENTRIES = {f"w{n}": {f"w{n + 10}": 0.5, f"w{n + 9}": 0.5} for n in range(1, 10)}
TASKS = {"tncls_tiny": ("cls",), "ms_cls_tiny": ("ms", "cls"), "mt_cls_tiny": ("mt", "cls")}


def build(vhm: Any, arch: str, lexicon: Path | None, strategy: str = "adaptive") -> Any:
    tasks = TASKS.get(arch, ("mt", "ms", "cls"))
    task = vhm.task(*tasks)
    task.trained = SimpleNamespace(
        layout=Layout.NCLS,
        source_lang="en",
        targets=TargetLanguages(("de",), ("de",), {}),
        data_bin=SimpleNamespace(
            separator=None, manifest=SimpleNamespace(dictionary_sha256=task.dictionary_sha256)
        ),
    )
    task.tags = {one: vhm.dictionary.index(f"<{one.value.upper()}>") for one in TrainTask}
    torch.manual_seed(7)
    file = None if lexicon is None else str(lexicon)
    options = {"translated_copying": strategy, "lexicon": file, "latent_dim": 4}
    return VhmModel.build_model(vhm.arguments(arch, **options), task).eval()


@pytest.fixture
def lexicon(vhm: Any, tmp_path: Path) -> Path:
    path = tmp_path / "de.jsonl"
    Lexicon("en", "de", dictionary_fingerprint(vhm.dictionary), ENTRIES).save(path)
    return path


def tagged(vhm: Any, task: str) -> dict[str, Any]:
    """Three documents of w1 to w9 behind the tag of a task, padded on the left."""
    rows = torch.tensor([[1, 1, 0, 5, 6, 7, 2], [1, 0, 5, 8, 9, 10, 2], [0, 5, 6, 5, 11, 13, 2]])
    tag = vhm.dictionary.index(f"<{task.upper()}>")
    source = torch.where(rows.eq(0), tag, rows)
    batch: dict[str, Any] = vhm.batch()
    lengths = source.ne(1).sum(1)
    net_input = {**batch["net_input"], "src_tokens": source, "src_lengths": lengths}
    return {**batch, "net_input": net_input}


@pytest.mark.parametrize("strategy", ["naive", "adaptive"])
@pytest.mark.parametrize(
    "arch", ["vhm_tiny", "mt_ms_cls_tiny", "tncls_tiny", "ms_cls_tiny", "mt_cls_tiny"]
)
def test_what_is_in_the_target_language_is_translated_and_the_rest_copied(
    vhm: Any, arch: str, strategy: str, lexicon: Path
) -> None:
    model = build(vhm, arch, lexicon, strategy)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("copy_gate.projection.bias"):
                parameter.fill_(-50.0)  # copy, and nothing else
    tasks = TASKS.get(arch, ("mt", "ms", "cls"))
    found = model({task: tagged(vhm, task) for task in tasks})
    for task in tasks:
        probs = model.get_normalized_probs(found[task], False)
        torch.testing.assert_close(probs.sum(2), torch.ones(probs.shape[:2]))
        offered = {vhm.dictionary[int(n)] for n in probs[0].amax(0).gt(1e-6).nonzero().view(-1)}
        words = {"w1", "w2", "w3"} if task == "ms" else {"w10", "w11", "w12", "w13"}
        assert offered == {f"<{task.upper()}>", "</s>"} | words


def test_beam_scores_are_forced_scores(vhm: Any, lexicon: Path) -> None:
    model = build(vhm, "vhm_tiny", lexicon)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
    grammar = build_grammar(
        vhm.dictionary,
        [range(4, 24)],
        separator=vhm.dictionary.unk(),
        restrict_vocab="both",
        min_len=1,
        max_len_a=0.0,
        max_len_b=6,
    )
    generator = SummaryGenerator([model], vhm.dictionary, grammar=grammar, beam_size=4)
    batch = tagged(vhm, "cls")
    found = generator.generate([model], batch)
    scored = score_hypotheses(generator, batch, [[one["tokens"] for one in d] for d in found])
    for document, scores in zip(found, scored, strict=True):
        for one, forced in zip(document, scores, strict=True):
            torch.testing.assert_close(
                one["positional_scores"], forced.positional_scores, atol=1e-5, rtol=1.3e-6
            )
    alone = generator.generate([model], vhm.rows(batch, [0]))[0]
    assert [one["tokens"].tolist() for one in alone] == [one["tokens"].tolist() for one in found[0]]


def test_lexicon_travels_with_the_weights_of_several_decoders(vhm: Any, lexicon: Path) -> None:
    trained, loaded = build(vhm, "mt_cls_tiny", lexicon), build(vhm, "mt_cls_tiny", None)
    loaded.load_state_dict(trained.state_dict())
    assert loaded.decoder.translations is loaded.other_decoders["mt"].translations
    batches = {task: tagged(vhm, task) for task in ("mt", "cls")}
    for task, output in trained(batches).items():
        other = loaded.get_normalized_probs(loaded(batches)[task], False)
        assert torch.equal(trained.get_normalized_probs(output, False), other)
        writer = loaded.one_decoder(task)
        assert writer.decoder.translations is loaded.decoder.translations
