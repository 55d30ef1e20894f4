"""`ct2:`: converted in process, cached, and translating as `fairseq:` does."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from mclas_fairseq.ctranslate.library import ctranslate2
from mclas_fairseq.errors import CheckpointError, ConfigError, MclasError, TranslatorError
from mclas_fairseq.translators import ct2_conversion, open_translator

if TYPE_CHECKING:
    from tests.translators.conftest import Model

_LONG = 80  # characters; eight words have at most 63


@pytest.fixture
def model(trained: "Model", tmp_path: Path) -> "Model":
    """A copy of the model that was never converted."""
    return trained.copy(tmp_path / "model")


def converted(model: "Model") -> list[Path]:
    """What lies beside the checkpoint besides what it came with."""
    own = {"model.pt", "bpecodes", "dict.en.txt", "dict.de.txt"}
    return sorted(path for path in model.folder.iterdir() if path.name not in own)


def error(model: "Model", **changes: Any) -> str:
    with pytest.raises(MclasError) as caught:
        model.open("ct2", **changes)
    return str(caught.value)


def test_in_full_precision_translations_and_scores_are_those_of_fairseq(trained: "Model") -> None:
    lines = ["", *trained.lines(300)]
    expected = trained.open("fairseq").translate(lines)
    found = trained.open("ct2", precision="float32").translate(lines)
    same = [(a, b) for a, b in zip(found, expected, strict=True) if a.text == b.text]
    assert len(same) >= 297
    finished = [(a.score, b.score) for a, b in same if len(a.text) < _LONG]
    assert len(finished) >= 250
    assert all(a == pytest.approx(b, abs=5e-4) for a, b in finished)
    assert found[0] == expected[0]


@pytest.mark.parametrize("beam", [1, 2])
def test_translations_are_those_of_fairseq_at_other_beams(trained: "Model", beam: int) -> None:
    lines = trained.lines(50)
    expected = trained.open("fairseq", beam=beam).translate(lines)
    found = trained.open("ct2", beam=beam, precision="float32").translate(lines)
    pairs = list(zip(found, expected, strict=True))
    assert sum(a.text == b.text for a, b in pairs) >= 49
    # At the limit of length fairseq ends the sentence and CTranslate2 leaves it open.
    same = [(a.score, b.score) for a, b in pairs if a.text == b.text and len(a.text) < _LONG]
    assert len(same) >= 40
    assert all(a == pytest.approx(b, abs=5e-4) for a, b in same)


def test_in_eight_bits_nearly_all_translations_are_the_same(trained: "Model") -> None:
    lines = trained.lines(100)
    expected = trained.open("fairseq").translate(lines)
    translator = trained.open("ct2")
    assert " precision=int8 " in translator.fingerprint
    found = translator.translate(lines)
    assert sum(a.text == b.text for a, b in zip(found, expected, strict=True)) >= 85


def test_a_long_line_is_cut_as_fairseq_cuts_it(trained: "Model") -> None:
    lines = [" ".join(["red dog"] * 60), "red dog"]
    expected = trained.open("fairseq", max_source_tokens=9).translate(lines)
    found = trained.open("ct2", max_source_tokens=9, precision="float32").translate(lines)
    assert [(a.text, a.cut) for a in found] == [(a.text, a.cut) for a in expected]
    # The model's positions are a limit here too, though CTranslate2 itself does not say so.
    assert trained.open("ct2").translate(lines)[0].cut


def test_a_checkpoint_is_converted_once_and_anew_when_it_changes(
    model: "Model", monkeypatch: pytest.MonkeyPatch
) -> None:
    conversions: list[Path] = []
    convert = ct2_conversion._convert

    def counted(checkpoint: Path, folder: Path, *rest: Any) -> None:
        conversions.append(folder)
        convert(checkpoint, folder, *rest)

    monkeypatch.setattr(ct2_conversion, "_convert", counted)
    first = model.open("ct2").translate(model.lines(3))
    assert model.open("ct2").translate(model.lines(3)) == first
    assert len(conversions) == 1
    zeros = {name: torch.zeros_like(value) for name, value in model.state["model"].items()}
    model.save(model=zeros)
    model.open("ct2")
    assert len(conversions) == 2
    folders = [path for path in converted(model) if path.is_dir()]
    assert folders == sorted(conversions)
    assert all(folder.name.startswith("model.ct2-") for folder in folders)


def test_workers_that_want_it_at_once_get_one_whole_conversion(
    model: "Model", monkeypatch: pytest.MonkeyPatch
) -> None:
    conversions: list[Path] = []
    convert = ct2_conversion._convert

    def counted(checkpoint: Path, folder: Path, *rest: Any) -> None:
        conversions.append(folder)
        convert(checkpoint, folder, *rest)

    monkeypatch.setattr(ct2_conversion, "_convert", counted)
    found: list[str] = []
    line = model.lines(1)

    def work() -> None:
        found.append(model.open("ct2").translate(line)[0].text)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(conversions) == 1
    assert len(found) == 4
    assert len(set(found)) == 1


def test_what_a_killed_conversion_left_is_removed(model: "Model") -> None:
    model.open("ct2").close()
    (folder,) = (path for path in converted(model) if path.is_dir())
    left = folder.with_name(f".{folder.name}.12345678.unfinished")
    folder.rename(left)
    model.open("ct2").close()
    assert not left.exists()
    assert folder.is_dir()


def test_a_checkpoint_whose_name_reads_as_a_pattern_means_itself(model: "Model") -> None:
    alike, checkpoint = (model.checkpoint.with_name(name) for name in ("m1.pt", "m[1].pt"))
    model.checkpoint.rename(checkpoint)
    open_translator(f"ct2:{checkpoint}", model.options()).close()
    (folder,) = (path for path in checkpoint.parent.glob("m*.ct2-*") if path.is_dir())
    digits = folder.name.removeprefix(f"{checkpoint.stem}.")
    left, others = (
        folder.with_name(f".{path.stem}.{digits}.12345678.unfinished")
        for path in (checkpoint, alike)
    )
    folder.rename(left)
    others.mkdir()
    open_translator(f"ct2:{checkpoint}", model.options()).close()
    assert not left.exists()
    assert others.is_dir(), "it is left over from another checkpoint"


def test_a_converted_folder_is_a_translator_by_itself(model: "Model", tmp_path: Path) -> None:
    line = model.lines(1)
    expected = model.open("ct2").translate(line)
    (folder,) = (path for path in converted(model) if path.is_dir())
    folder.rename(tmp_path / "elsewhere")
    assert open_translator(f"ct2:{tmp_path}/elsewhere", model.options()).translate(line) == expected


def test_the_fingerprint_follows_model_and_precision(model: "Model", trained: "Model") -> None:
    first = model.open("ct2").fingerprint
    assert trained.open("ct2", batch_tokens=9).fingerprint == first
    assert model.open("ct2", precision="float32").fingerprint != first
    zeros = {name: torch.zeros_like(value) for name, value in model.state["model"].items()}
    model.save(model=zeros)
    assert model.open("ct2").fingerprint != first


def test_an_ensemble_is_refused_with_the_reason(model: "Model") -> None:
    with pytest.raises(ConfigError) as caught:
        open_translator(f"ct2:{model.checkpoint}:{model.checkpoint}", model.options())
    assert str(caught.value) == (
        f"translator ct2:{model.checkpoint}:{model.checkpoint}: must be one model, but CTranslate2 "
        "has no ensembles; give one checkpoint, or translate with fairseq:"
    )


def test_a_model_that_ctranslate2_does_not_know_is_refused_with_the_reason(
    model: "Model", monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = dict(model.state["cfg"])
    cfg["model"] = {**vars(cfg["model"]), "_name": "transformer", "activation_fn": "tanh"}
    model.save(cfg=cfg)
    assert error(model) == (
        f"checkpoint {model.checkpoint}: must be a Transformer that CTranslate2 knows, but its "
        "activation is tanh; translate with fairseq: instead"
    )
    assert [path for path in converted(model) if path.is_dir()] == []


def test_a_conversion_that_changes_the_model_is_found_out(
    model: "Model", monkeypatch: pytest.MonkeyPatch
) -> None:
    converter = ctranslate2("converters.fairseq")
    activations = dict(converter._SUPPORTED_ACTIVATIONS)
    monkeypatch.setattr(
        converter, "_SUPPORTED_ACTIVATIONS", {**activations, "relu": activations["gelu"]}
    )
    with pytest.raises(CheckpointError, match="must give the same scores converted, but they diff"):
        model.open("ct2")
    assert [path for path in converted(model) if path.is_dir()] == []


def test_a_folder_that_cannot_be_written_is_refused(model: "Model") -> None:
    model.open("ct2").close()
    (folder,) = (path for path in converted(model) if path.is_dir())
    (lock,) = (path for path in converted(model) if path.suffix == ".lock")
    lock.unlink()
    lock.mkdir()
    folder.rename(model.folder / "away")
    assert error(model) == (
        f"{folder}: the converted model must be written there, but that failed (Is a directory); "
        "free space, or copy the model's folder to where you may write"
    )


def test_a_folder_without_a_model_is_refused(tmp_path: Path, trained: "Model") -> None:
    with pytest.raises(ConfigError) as caught:
        open_translator(f"ct2:{tmp_path}", trained.options())
    assert str(caught.value) == (
        f"translator ct2:{tmp_path}: its folder must hold a converted model, but has no model.bin; "
        "give a folder that CTranslate2 wrote, or a checkpoint of fairseq's"
    )


def test_a_broken_model_is_refused(model: "Model") -> None:
    model.open("ct2").close()
    (folder,) = (path for path in converted(model) if path.is_dir())
    content = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(content[: len(content) // 2])
    assert "must hold a model that can be opened on --device cpu with --precision int8" in error(
        model
    )


def test_a_device_that_is_not_there_is_refused(trained: "Model") -> None:
    if ctranslate2().get_cuda_device_count():
        pytest.skip("there is a GPU")
    assert "opened on --device cuda with --precision float16, but CTranslate2 says" in error(
        trained, device="cuda"
    )


def test_a_precision_that_ctranslate2_does_not_know_is_refused(trained: "Model") -> None:
    assert "--precision int4: must be one of int8, int8_float32," in error(
        trained, precision="int4"
    )


def test_out_of_memory_halves_the_batch_and_other_errors_are_said(trained: "Model") -> None:
    translator: Any = trained.open("ct2")
    lines = trained.lines(8)
    expected = translator.translate(lines)
    model, sizes = translator._model, []

    class Small:
        def __init__(self, error: str) -> None:
            self.error = error

        def translate_batch(self, batch: list[list[str]], **options: Any) -> Any:
            sizes.append(len(batch))
            if len(batch) > 2:
                raise RuntimeError(self.error)
            return model.translate_batch(batch, **options)

    translator._model = Small("CUDA failed with error out of memory")
    assert [a.text for a in translator.translate(lines)] == [a.text for a in expected]
    assert sizes[:3] == [8, 4, 2]
    translator._model = Small("No position encodings are defined for positions >= 64")
    with pytest.raises(TranslatorError, match="but CTranslate2 says: No position encodings"):
        translator.translate(lines)
