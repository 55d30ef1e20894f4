"""`fairseq:`: checkpoints of all kinds, ensembles, and what must be refused."""

import re
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from fairseq.models.transformer import TransformerModel

from mclas_fairseq.errors import MclasError
from mclas_fairseq.translators import Translation, open_translator
from mclas_fairseq.translators.fairseq_models import load_model
from mclas_fairseq.translators.pieces import Pieces

if TYPE_CHECKING:
    from tests.translators.conftest import Model


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Leave the number of torch's threads as it was."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def texts(translations: Sequence[Translation]) -> list[str]:
    return [translation.text for translation in translations]


def error(model: "Model", kind: str = "fairseq", **changes: Any) -> str:
    """The message with which a model is refused."""
    with pytest.raises(MclasError) as caught:
        model.open(kind, **changes)
    return str(caught.value)


def test_the_model_translates_as_it_was_taught(trained: "Model") -> None:
    lines = trained.lines(40)
    found = texts(trained.open("fairseq").translate(lines))
    right = sum(text == trained.answer(line) for text, line in zip(found, lines, strict=True))
    assert right >= 20


def test_translations_are_those_of_fairseqs_hub(trained: "Model") -> None:
    # The hub reads beside the checkpoint as well, but takes each line by itself.
    hub: Any = TransformerModel.from_pretrained(
        str(trained.folder), "model.pt", ".", tokenizer="moses", bpe="subword_nmt"
    )
    hub.eval()
    lines = [*trained.lines(8), "the dog's tree, isn't it?", "Unknown \u00e4 words &amp; <unk> [x]"]
    expected = [hub.translate(line, beam=3, max_len_b=40) for line in lines]
    found = trained.open("fairseq", beam=3, max_target_tokens=40).translate(lines)
    assert texts(found) == [" ".join(line.split()) for line in expected]


def test_the_batch_does_not_change_translations(trained: "Model") -> None:
    lines = ["", *trained.lines(30), ""]
    together = trained.open("fairseq").translate(lines)
    alone = trained.open("fairseq", batch_tokens=1).translate(lines)
    assert texts(together) == texts(alone)
    pairs = zip(together[1:-1], alone[1:-1], strict=True)
    assert all(a.score == pytest.approx(b.score, abs=2e-4) for a, b in pairs)
    assert together[0] == together[-1] == Translation("")


def test_the_score_is_the_mean_log_probability_of_a_forced_translation(trained: "Model") -> None:
    line = trained.lines(1)[0]
    found = trained.open("fairseq").translate([line])[0]
    cutter = Pieces.load(trained.folder / "bpecodes", "en", "de")
    loaded = load_model([trained.checkpoint], trained.options())
    source, target = (
        dictionary.encode_line(" ".join(cutter.encode(text)), add_if_not_exist=False).long()
        for dictionary, text in (
            (loaded.task.source_dictionary, line),
            (loaded.task.target_dictionary, found.text),
        )
    )
    previous = torch.cat([target[-1:], target[:-1]])
    with torch.no_grad():
        logits, _ = loaded.models[0](source[None], torch.tensor([len(source)]), previous[None])
    scores = logits[0].log_softmax(-1).gather(1, target[:, None])
    assert found.score == pytest.approx(float(scores.mean()), abs=1e-4)


def test_a_long_line_is_cut_and_marked(trained: "Model") -> None:
    long = " ".join(["red dog"] * 60)
    translator = trained.open("fairseq", max_source_tokens=9)
    cut, whole = translator.translate([long, "red dog"])
    assert (cut.cut, whole.cut) == (True, False)
    # "red" has two pieces, "dog" three; the end of sentence is the ninth token.
    assert cut.text == translator.translate(["red dog red d"])[0].text
    # Without a limit of the user's, the model's positions are it.
    assert trained.open("fairseq").translate([long])[0].cut


def test_no_translation_is_longer_than_the_limit(trained: "Model") -> None:
    found = trained.open("fairseq", max_target_tokens=3).translate(trained.lines(5))
    cutter = Pieces.load(trained.folder / "bpecodes", "de", "en")
    assert max(len(cutter.encode(translation.text)) for translation in found) <= 3


def test_an_ensemble_votes(trained: "Model", tmp_path: Path) -> None:
    lines = trained.lines(10)
    alone = trained.open("fairseq").translate(lines)
    twice = open_translator(f"fairseq:{trained.checkpoint}:{trained.checkpoint}", trained.options())
    assert texts(twice.translate(lines)) == texts(alone)
    # A second model that knows nothing makes the first one less sure.
    other = trained.copy(tmp_path / "other")
    weights = {name: torch.zeros_like(value) for name, value in trained.state["model"].items()}
    other.save(model=weights)
    both = open_translator(f"fairseq:{trained.checkpoint}:{other.checkpoint}", trained.options())
    pairs = zip(both.translate(lines), alone, strict=True)
    assert all((a.score or 0.0) < (b.score or 0.0) - 0.1 for a, b in pairs)


def hydra(model: "Model") -> dict[str, Any]:
    """The checkpoint as fairseq-hydra-train writes it: plain dictionaries all through."""
    cfg = dict(model.state["cfg"])
    cfg["model"] = {**vars(cfg["model"]), "_name": "transformer"}
    return {"cfg": cfg}


def before_hydra(model: "Model") -> dict[str, Any]:
    """The checkpoint as fairseq wrote it up to 0.9: one namespace, no configuration."""
    args = Namespace(**vars(model.state["cfg"]["model"]))
    for name in ("data", "source_lang", "target_lang"):
        setattr(args, name, model.state["cfg"]["task"][name])
    args.task, args.eval_bleu, args.eval_bleu_detok = "translation", True, "moses"
    return {"args": args, "cfg": None}


@pytest.mark.parametrize("shape", [hydra, before_hydra])
@pytest.mark.parametrize("kind", ["fairseq", "ct2"])
def test_checkpoints_of_other_times_and_commands_translate_alike(
    trained: "Model", tmp_path: Path, kind: str, shape: Any
) -> None:
    lines = trained.lines(10)
    other = trained.copy(tmp_path / "model")
    other.save(**shape(trained))
    expected = trained.open("fairseq").translate(lines)
    assert texts(other.open(kind, precision="float32").translate(lines)) == texts(expected)


def test_weights_of_lower_precision_translate_nearly_alike(trained: "Model") -> None:
    lines = trained.lines(20)
    expected = texts(trained.open("fairseq").translate(lines))
    found = texts(trained.open("fairseq", precision="bfloat16").translate(lines))
    assert sum(a == b for a, b in zip(found, expected, strict=True)) >= 15


def test_out_of_memory_in_fairseqs_search_halves_the_batch(
    trained: "Model", monkeypatch: pytest.MonkeyPatch
) -> None:
    translator: Any = trained.open("fairseq")
    lines = trained.lines(10)
    expected = translator.translate(lines)
    step, sizes = translator._task.inference_step, []

    def small(generator: Any, models: Any, sample: Any, *rest: Any) -> Any:
        sizes.append(len(sample["id"]))
        if len(sample["id"]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(generator, models, sample, *rest)

    monkeypatch.setattr(translator._task, "inference_step", small)
    assert texts(translator.translate(lines)) == texts(expected)
    assert sizes[:3] == [10, 5, 2]


def test_the_fingerprint_follows_the_files_and_what_changes_translations(
    trained: "Model", tmp_path: Path
) -> None:
    other = trained.copy(tmp_path / "moved")
    first = trained.open("fairseq").fingerprint
    assert other.open("fairseq", threads=1, batch_tokens=7).fingerprint == first
    assert other.open("fairseq", beam=2).fingerprint != first
    (other.folder / "bpecodes").write_text("#version: 0.2\nt h\n", encoding="utf-8")
    assert other.open("fairseq").fingerprint != first
    twice = open_translator(f"fairseq:{trained.checkpoint}:{trained.checkpoint}", trained.options())
    assert twice.fingerprint != first


@pytest.mark.parametrize("kind", ["fairseq", "ct2"])
def test_the_model_of_the_other_direction_is_refused(trained: "Model", kind: str) -> None:
    options = type(trained.options())("de", "en")
    for _ in range(2):  # ct2: has converted it by the second time
        with pytest.raises(MclasError) as caught:
            open_translator(f"{kind}:{trained.checkpoint}", options)
        assert "must translate from de to en, but translates from en to de; give" in str(
            caught.value
        )
        trained.open(kind)


def test_a_country_in_the_code_does_not_make_it_another_language(trained: "Model") -> None:
    options = type(trained.options())("en-GB", "de-AT")
    lines = trained.lines(3)
    found = open_translator(f"fairseq:{trained.checkpoint}", options).translate(lines)
    assert texts(found) == texts(trained.open("fairseq").translate(lines))


def test_a_missing_checkpoint_is_named_with_those_that_are_there(trained: "Model") -> None:
    with pytest.raises(MclasError) as caught:
        open_translator(f"fairseq:{trained.folder}/best.pt", trained.options())
    assert str(caught.value) == (
        f"checkpoint {trained.folder}/best.pt: must be an existing file, but there is none; "
        f"{trained.folder} holds model.pt"
    )


@pytest.mark.parametrize("kind", ["fairseq", "ct2"])
def test_a_hostile_checkpoint_is_refused_and_nothing_is_run(
    trained: "Model", tmp_path: Path, kind: str
) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "run",)

    spoiled = trained.copy(tmp_path / "model")
    spoiled.save(extra_state=Hostile())
    assert "may hold tensors and plain values only, but wants to run" in error(spoiled, kind)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["fairseq", "ct2"])
def test_missing_files_are_named_with_what_to_do(
    trained: "Model", tmp_path: Path, kind: str
) -> None:
    spoiled = trained.copy(tmp_path / "model")
    (spoiled.folder / "dict.de.txt").unlink()
    assert error(spoiled, kind) == (
        f"{spoiled.folder}/dict.de.txt: the dictionary of model.pt must lie beside it, but does "
        "not; copy it from the data that the model was trained on"
    )
    (spoiled.folder / "bpecodes").unlink()
    assert error(spoiled, kind) == (
        f"{spoiled.folder}: must hold bpecodes, code, sentencepiece.bpe.model or spm.model, which "
        "the model was trained with, but holds none; copy the file there"
    )


def test_dictionaries_of_another_size_are_refused(trained: "Model", tmp_path: Path) -> None:
    spoiled = trained.copy(tmp_path / "model")
    with (spoiled.folder / "dict.de.txt").open("a", encoding="utf-8") as file:
        file.write("another 1\n" * 1)
    assert re.search(
        r"model.pt: must fit the dictionaries beside it, but its weights have other sizes "
        r"\(.*copying a param.*\); give the dictionaries of its training",
        error(spoiled),
    )


def test_a_checkpoint_of_another_task_is_refused(trained: "Model", tmp_path: Path) -> None:
    spoiled = trained.copy(tmp_path / "model")
    cfg = dict(trained.state["cfg"])
    cfg["task"] = {**cfg["task"], "_name": "language_modeling"}
    spoiled.save(cfg=cfg)
    assert error(spoiled) == (
        f"checkpoint {spoiled.checkpoint}: its task must be one of this package or fairseq's "
        "translation, but is 'language_modeling'; give another checkpoint (if you trust its maker, "
        "fairseq's own commands read it without this package)"
    )


def test_a_checkpoint_that_does_not_say_what_it_is_is_refused(
    trained: "Model", tmp_path: Path
) -> None:
    spoiled = trained.copy(tmp_path / "model")
    spoiled.save(cfg=None)
    assert "must say how its model is built, but has neither args nor cfg" in error(spoiled)


def test_a_precision_that_fairseq_does_not_know_is_refused(trained: "Model") -> None:
    assert error(trained, precision="int8") == (
        "--precision int8: must be one of float32, bfloat16, float16 for "
        f"fairseq:{trained.checkpoint}; give one of them"
    )
