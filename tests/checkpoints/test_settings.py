"""Settings of a model that somebody else hands on: nothing is run, opened or made too large."""

import gzip
import json
import os
import shutil
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary

import mclas_fairseq
from mclas_fairseq.bundles.format import INDEX_FILE, describe_file
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.checkpoints.settings import UnfitSetting, check_sizes, is_known, settle
from mclas_fairseq.cli import main
from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.translators.opening import open_translator
from mclas_fairseq.translators.options import TranslatorOptions
from tests.processes import output_of
from tests.system.conftest import PLUGIN, TASK, fairseq_error

OLD = Path(__file__).parents[1] / "compatibility" / "v0_1"
DATA = OLD / "data-bin"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module", autouse=True)
def _registered() -> None:
    mclas_fairseq.register()


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    return tmp_path / "witness"


def program(witness: Path, value: str) -> str:
    """A text that `eval` would turn into `value`, leaving a file behind."""
    return f"open({str(witness)!r}, 'w') and {value}"


def checkpoint(folder: Path, change: Change, name: str = "mclas") -> Path:
    """A checkpoint of the fixture, changed."""
    path = folder / "checkpoint.pt"
    path.write_bytes(gzip.decompress((OLD / "checkpoints" / f"{name}.pt.gz").read_bytes()))
    state = load_checkpoint(path)
    change(state)
    torch.save(state, path)
    return path


def bundle(folder: Path, change: Change) -> Path:
    """The bundle of the fixture with a changed config.json, and right checksums."""
    copy = Path(shutil.copytree(OLD / "bundle", folder / "bundle"))
    config = json.loads((copy / "config.json").read_text())
    change(config)
    (copy / "config.json").write_text(json.dumps(config))
    index = json.loads((copy / INDEX_FILE).read_text())
    index["files"]["config.json"] = vars(describe_file(copy / "config.json"))
    (copy / INDEX_FILE).write_text(json.dumps(index))
    return copy


def setting(name: str, value: object) -> Change:
    """Set an option of the model, in a checkpoint or in a bundle."""

    def change(content: dict[str, Any]) -> None:
        if "cfg" in content:
            setattr(content["cfg"]["model"], name, value)
        else:
            content["model"][name] = value

    return change


def refused(path: Path) -> str:
    """What is said of a checkpoint or a bundle that must not be loaded; in one line, at once."""
    start = time.process_time()
    with pytest.raises(CheckpointError) as caught:
        mclas_fairseq.load(path, data=None if path.is_dir() else DATA, device="cpu")
    assert time.process_time() - start < 1
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize("made", [checkpoint, bundle])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("adaptive_softmax_cutoff", "[10]"),
        ("encoder_xformers_att_config", "{}"),
        ("decoder_xformers_att_config", "{}"),
        ("encoder_layers_to_keep", "'0'"),
        ("activation_fn", "'gelu'"),
        ("decoder_output_dim", "8"),
        ("dropout", "0.1"),
        ("encoder_layers", "1"),
        ("share_all_embeddings", "True"),
        ("pruned_heads", "'encoder.0.self.1'"),
        ("masked_heads", "'encoder.0.self.1'"),
    ],
)
def test_a_setting_that_is_a_program_is_refused_and_not_run(
    made: Any, name: str, value: str, tmp_path: Path, witness: Path
) -> None:
    message = refused(made(tmp_path, setting(name, program(witness, value))))
    assert name in message
    assert not witness.exists()


@pytest.mark.parametrize("name", ["xformers_att_config", "encoder", "decoder", "layers_to_keep"])
def test_what_an_architecture_does_not_declare_never_reaches_it(
    name: str, tmp_path: Path, witness: Path
) -> None:
    # fairseq takes these for settings of both sides.
    evil = program(witness, "{}")
    value = {"xformers_att_config": evil} if name in ("encoder", "decoder") else evil
    model = mclas_fairseq.load(checkpoint(tmp_path, setting(name, value)), data=DATA, device="cpu")
    assert model.summarize(["Two buses collided."])
    assert not witness.exists()


def as_fconv(state: dict[str, Any], witness: Path) -> None:
    layers = program(witness, "[(8, 3)]")
    state["cfg"]["model"] = Namespace(
        _name="fconv", arch="fconv", encoder_layers=layers, encoder_embed_dim=8
    )


def test_an_architecture_that_evaluates_its_settings_is_not_built(
    tmp_path: Path, witness: Path
) -> None:
    path = checkpoint(tmp_path, lambda state: as_fconv(state, witness))
    assert "must be one of this package or fairseq's transformer" in refused(path)
    flags = ["--task", TASK, "--target-lang", "de", "--cpu", "--user-dir", PLUGIN]
    error = fairseq_error("generate", DATA, "--path", path, *flags)
    assert "'fconv'" in str(error)
    training = ["--arch", "mclas_tiny", "--optimizer", "adam", "--max-update", 1]
    training += ["--criterion", "summary_cross_entropy", "--batch-size", 4]
    start = ["--finetune-from-model", path, "--save-dir", tmp_path / "save"]
    error = fairseq_error("train", DATA, *start, *training, *flags, "--num-workers", 0)
    assert "'fconv'" in str(error)
    assert not witness.exists()


def test_fairseq_generate_refuses_a_setting_that_is_a_program(
    tmp_path: Path, witness: Path
) -> None:
    path = checkpoint(tmp_path, setting("adaptive_softmax_cutoff", program(witness, "[10]")))
    flags = ["--task", TASK, "--target-lang", "de", "--cpu", "--user-dir", PLUGIN]
    error = fairseq_error("generate", DATA, "--path", path, *flags)
    assert "adaptive_softmax_cutoff must be a few whole numbers" in str(error)
    assert not witness.exists()


@pytest.mark.parametrize("task", ["audio_finetuning", "multilingual_translation", None, 3])
def test_a_task_that_is_none_of_ours_is_not_set_up(task: object, tmp_path: Path) -> None:
    def change(state: dict[str, Any]) -> None:
        state["cfg"]["task"]["_name"] = task

    assert "its task must be one of this package" in refused(checkpoint(tmp_path, change))


@pytest.mark.parametrize("name", ["init_from_mbart", "encoder_embed_path", "pretrained_encoder"])
def test_no_file_is_opened_because_of_a_setting(name: str, tmp_path: Path) -> None:
    hidden = tmp_path / "secret"
    hidden.write_text("root:x:0")
    message = refused(bundle(tmp_path, setting(name, str(hidden))))
    assert name in message
    assert "secret " not in message
    model = mclas_fairseq.load(
        checkpoint(tmp_path, setting(name, str(hidden))), data=DATA, device="cpu"
    )
    assert model.summarize(["Two buses collided."])


def test_scores_of_a_training_need_no_files_when_one_decodes(tmp_path: Path) -> None:
    def change(state: dict[str, Any]) -> None:
        state["cfg"]["task"].update(
            eval_rouge=True, rouge_tokenizer="/nowhere", eval_rouge_args="{"
        )

    model = mclas_fairseq.load(checkpoint(tmp_path, change), data=DATA, device="cpu")
    assert model.summarize(["Two buses collided."])


@pytest.mark.parametrize("made", [checkpoint, bundle])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("encoder_layers", 10**8),
        ("decoder_layers", 2),
        ("encoder_ffn_embed_dim", 10**6),
        ("decoder_embed_dim", 16),
        ("decoder_output_dim", 10**9),
        ("decoder_attention_heads", 10**12),
        ("encoder_layers", True),
        ("encoder_layers", -1),
        ("dropout", 7.0),
        ("dropout", float("nan")),
        ("base_layers", 3),
        ("adaptive_softmax_cutoff", [10, 5]),
        ("adaptive_softmax_cutoff", [10**9]),
        ("adaptive_softmax_factor", 1e-300),
        ("activation_fn", "no_such"),
        ("pretrained_config", "[" * 100_000),
        ("pretrained_config", '{"model_type": "bert", "num_hidden_layers": 100000000}'),
        ("pretrained_config", '{"model_type": "bert", "auto_map": {"AutoModel": "a.b"}}'),
        ("decoder_layers", [1]),
        ("encoder_embed_dim", {"a": 1}),
    ],
)
def test_sizes_and_kinds_that_are_not_those_of_the_weights_are_refused_at_once(
    made: Any, name: str, value: object, tmp_path: Path
) -> None:
    message = refused(made(tmp_path, setting(name, value)))
    assert name in message or "num_hidden_layers" in message


@pytest.mark.parametrize("positions", [0, 10**12, "1024"])
def test_positions_of_a_bundle_have_a_range(positions: object, tmp_path: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        config["max_source_positions"] = positions

    assert "max_source_positions" in refused(bundle(tmp_path, change))


@pytest.mark.parametrize("positions", [0, 10**12, "1024", None])
def test_positions_of_a_checkpoint_have_a_range(positions: object, tmp_path: Path) -> None:
    def change(state: dict[str, Any]) -> None:
        state["task_state"]["max_target_positions"] = positions

    with pytest.raises(CheckpointError, match="max_target_positions must be a number from 1 to"):
        mclas_fairseq.load(checkpoint(tmp_path, change), data=DATA, device="cpu")


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.update(optimizer_history=[]),
        lambda state: state.update(extra_state=None),
        lambda state: state.update(extra_state={"train_iterator": {"epoch": "x"}}),
        lambda state: state.update(model={"encoder.version": 3}),
        lambda state: state.update(cfg={"model": None}),
        lambda state: state.update(cfg=[1]),
        lambda state: state.update(task_state={"target_layout": 7}),
        lambda state: state["model"].pop("decoder.layers.0.fc1.bias"),
        lambda state: state["task_state"].pop("vocabularies"),
    ],
)
def test_a_checkpoint_that_lacks_a_part_is_refused_in_one_line(
    change: Change, tmp_path: Path
) -> None:
    path = checkpoint(tmp_path, change)
    with pytest.raises(CheckpointError) as caught:
        mclas_fairseq.load(path, data=DATA, device="cpu")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("checkpoint")


def test_the_encoder_that_a_training_goes_on_with_is_checked_before_it_is_built(
    tmp_path: Path,
) -> None:
    path = checkpoint(
        tmp_path,
        setting("pretrained_config", '{"model_type": "bert", "num_hidden_layers": 100000000}'),
    )
    flags = ["--task", TASK, "--target-lang", "de", "--cpu", "--user-dir", PLUGIN]
    training = ["--arch", "mclas_tiny", "--optimizer", "adam", "--max-update", 1]
    training += ["--criterion", "summary_cross_entropy", "--batch-size", 4]
    start = ["--finetune-from-model", path, "--save-dir", tmp_path / "save"]
    error = fairseq_error("train", DATA, *start, *training, *flags, "--num-workers", 0)
    assert "num_hidden_layers is 100,000,000" in str(error)


# -- translators ------------------------------------------------------------------------------


def translator(folder: Path, **settings: object) -> Path:
    """A checkpoint of fairseq's translation task, as its commands wrote them until 2020."""
    for language in ("en", "de"):
        dictionary = Dictionary()
        for word in ("a", "b", "c"):
            dictionary.add_symbol(word)
        dictionary.save(str(folder / f"dict.{language}.txt"))
    (folder / "bpecodes").write_text("#version: 0.2\na b\n")
    sizes = {
        f"{side}_{name}": 8
        for side in ("encoder", "decoder")
        for name in ("embed_dim", "ffn_embed_dim")
    }
    args: dict[str, object] = {"arch": "transformer", "task": "translation", "source_lang": "en"}
    args = {**args, "target_lang": "de", "data": "d", "encoder_layers": 1, "decoder_layers": 1}
    weights = {
        **{f"{side}.embed_tokens.weight": torch.zeros(7, 8) for side in ("encoder", "decoder")},
        **{f"{side}.layers.0.fc1.weight": torch.zeros(8, 8) for side in ("encoder", "decoder")},
    }
    state = {
        "args": Namespace(**{**args, **sizes, **settings}),
        "model": weights,
        "optimizer_history": [{"optimizer_name": "X", "lr_scheduler_state": {}, "num_updates": 1}],
        "extra_state": {"train_iterator": {"epoch": 1}},
        "last_optimizer_state": {},
    }
    path = folder / "model.pt"
    torch.save(state, path)
    return path


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"arch": "fconv"}, "'fconv'"),
        ({"arch": "lstm"}, "'lstm'"),
        ({"encoder_layers": 10**8}, "encoder_layers is 100,000,000"),
        ({"adaptive_softmax_cutoff": "PROGRAM"}, "adaptive_softmax_cutoff"),
        ({"decoder_xformers_att_config": "PROGRAM"}, "decoder_xformers_att_config"),
        ({"task": "multilingual_translation"}, "multilingual_translation"),
    ],
)
def test_translators_are_plain_transformers_with_checked_settings(
    settings: dict[str, Any], said: str, tmp_path: Path, witness: Path
) -> None:
    evil = program(witness, "[3]")
    given = {name: evil if value == "PROGRAM" else value for name, value in settings.items()}
    path = translator(tmp_path, **given)
    with pytest.raises(CheckpointError) as caught:
        open_translator(f"fairseq:{path}", TranslatorOptions("en", "de"))
    assert said in str(caught.value)
    assert not witness.exists()


# -- the list itself --------------------------------------------------------------------------


def test_settings_keep_their_values_and_what_is_no_setting_is_left_out() -> None:
    given = {"encoder_layers": 2, "dropout": 0, "share_all_embeddings": 1, "save_dir": "x"}
    found = settle("mclas_tiny", {**given, "decoder_output_dim": "8", "latents": "mt,ms"})
    expected = {"encoder_layers": 2, "dropout": 0, "share_all_embeddings": True}
    assert found == {**expected, "decoder_output_dim": 8}
    assert settle("vhm_tiny", {"latents": "mt,ms"}) == {"latents": "mt,ms"}
    assert is_known("vhm_tiny")
    assert is_known("transformer_wmt_en_de_big")
    assert not is_known("fconv")
    assert not is_known(["mclas_tiny"])


def test_a_text_that_old_versions_of_fairseq_evaluated_is_read_as_numbers() -> None:
    assert settle("transformer", {"adaptive_softmax_cutoff": "10, 20"}) == {
        "adaptive_softmax_cutoff": [10, 20]
    }
    assert settle("transformer", {"encoder_layers_to_keep": "0,2"}) == {
        "encoder_layers_to_keep": "0,2"
    }


def test_sizes_are_those_of_weights() -> None:
    shapes = {"encoder.layers.0.fc1.weight": (16, 8), "encoder.embed_tokens.weight": (99, 8)}
    check_sizes({"encoder_layers": 1, "encoder_ffn_embed_dim": 16, "encoder_embed_dim": 8}, shapes)
    with pytest.raises(UnfitSetting, match="encoder_layers is 2, but .* of 1 layers"):
        check_sizes({"encoder_layers": 2}, shapes)
    with pytest.raises(UnfitSetting, match=r"encoder_ffn_embed_dim is 8, but .*\(16, 8\)"):
        check_sizes({"encoder_ffn_embed_dim": 8}, shapes)
    with pytest.raises(UnfitSetting, match="decoder_ffn_embed_dim is 8, but it has no weights"):
        check_sizes({"decoder_ffn_embed_dim": 8}, shapes)


def test_sizes_of_one_stack_must_be_those_of_its_weights() -> None:
    shapes = {
        "stack.embed_tokens.weight": (20, 8),
        "stack.embed_positions.weight": (12, 8),
        "stack.embed_span_positions.weight": (12, 8),
        "stack.layers.0.fc1.weight": (32, 8),
    }
    right = {"stack_layers": 1, "stack_embed_dim": 8, "stack_positions": 12}
    check_sizes(settle("glm_tiny", {**right, "stack_ffn_embed_dim": 32}), shapes)
    with pytest.raises(UnfitSetting, match="stack_layers is 3, but .* of 1 layers"):
        check_sizes({**right, "stack_layers": 3}, shapes)
    with pytest.raises(UnfitSetting, match=r"stack_positions is 99, but stack.embed_pos.*12, 8"):
        check_sizes({**right, "stack_positions": 99}, shapes)
    with pytest.raises(UnfitSetting, match=r"stack_embed_dim is 16, but .*\(20, 8\)"):
        check_sizes({**right, "stack_embed_dim": 16}, shapes)


def test_nothing_of_the_folder_that_mclas_train_runs_in_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def become(_: str, words: list[str]) -> None:
        started.append(words)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execv", become)
    with pytest.raises(SystemExit):
        main(["train", str(DATA), "--preset", "tiny-data"])
    (words,) = started
    before = words[: words.index(str(DATA))]
    (tmp_path / "fairseq_cli.py").write_text("open('witness', 'w')\nraise SystemExit(3)\n")
    assert "--max-update" in output_of([*before, "--help"], tmp_path)
    assert not (tmp_path / "witness").exists()
