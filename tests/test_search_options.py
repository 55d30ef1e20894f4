"""Where each option of the search is seen: from its one row of the table to every surface."""

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fairseq import options as fairseq_options
from fairseq.dataclass.configs import FairseqConfig
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.tasks import TASK_DATACLASS_REGISTRY
from omegaconf import OmegaConf

from mclas_fairseq.bundles.config import BundleConfig, stored_options
from mclas_fairseq.cli import build_parser
from mclas_fairseq.cli.parts.search_flags import chosen_options
from mclas_fairseq.data.manifest import Manifest
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.generation.options import DecodingOptions, Owner, SearchOption, search_options
from mclas_fairseq.inference.loading import checkpoint_overrides
from mclas_fairseq.scoring.validation import validation_options

CLS, MULTITASK = "cross_lingual_summarization", "multitask_summarization"
PARSERS: dict[str, Callable[..., argparse.ArgumentParser]] = {
    "fairseq-generate": fairseq_options.get_generation_parser,
    "fairseq-interactive": fairseq_options.get_interactive_generation_parser,
}
MCLAS = {
    "summarize": [],
    "pipeline tltran": ["--translator", "command:cat", "--target-lang", "de"],
    "pipeline tetran": ["--translator", "command:cat", "--source-lang", "en"],
    "latents": ["--checkpoint", "c.pt", "--data", "d"],
    "export": ["--checkpoint", "c.pt", "--data", "d", "--out", "o"],
}
PAGE = Path(__file__).parents[1] / "docs" / "decoding.md"

each_option = pytest.mark.parametrize("option", search_options(), ids=lambda option: option.name)


def another(option: SearchOption) -> Any:
    """A value in range that is not the default, here or at validation."""
    return option.declared.choices[1] if option.kind is str else option.kind(2)


def declaring_tasks(option: SearchOption) -> list[str]:
    """Tasks with which fairseq's commands have the option."""
    return [MULTITASK] if option.owner is Owner.MULTITASK else [CLS, MULTITASK]


def parsed(parser: argparse.ArgumentParser, task: str, *words: str) -> Any:
    given = ["a-data-bin", "--task", task, "--path", "checkpoint.pt", *words]
    args = fairseq_options.parse_args_and_arch(parser, given)
    return args, convert_namespace_to_omegaconf(args)


@pytest.mark.parametrize("task", [CLS, MULTITASK])
@pytest.mark.parametrize("command", PARSERS)
def test_fairseq_decodes_by_the_defaults_and_by_the_flags(command: str, task: str) -> None:
    there = [option for option in search_options() if task in declaring_tasks(option)]
    words = [word for option in there for word in (option.flag, str(another(option)))]
    bare, given = parsed(PARSERS[command](), task), parsed(PARSERS[command](), task, *words)
    for option in there:
        group = "generation" if option.owner is Owner.FAIRSEQ else "task"
        for (args, config), expected in ((bare, option.default), (given, another(option))):
            assert getattr(args, option.name) == config[group][option.name] == expected


def test_another_task_keeps_fairseqs_defaults() -> None:
    args, config = parsed(fairseq_options.get_generation_parser(), "translation")
    stock = FairseqConfig().generation
    for option in search_options(Owner.FAIRSEQ):
        assert getattr(args, option.name) == getattr(stock, option.name)
        assert config.generation[option.name] == getattr(stock, option.name)


@pytest.mark.parametrize("task", [CLS, MULTITASK])
def test_training_has_the_tasks_options_and_none_of_the_others(task: str) -> None:
    given = ["a-data-bin", "--task", task, "--arch", "mclas_tiny", "--optimizer", "adam"]
    args = fairseq_options.parse_args_and_arch(fairseq_options.get_training_parser(), given)
    have = set(vars(args))
    for option in search_options():
        assert (option.name in have) == (
            option.owner is not Owner.FAIRSEQ and task in declaring_tasks(option)
        )


@each_option
def test_hydra_knows_its_type(option: SearchOption) -> None:
    if option.owner is Owner.FAIRSEQ:
        configs = [FairseqConfig().generation]
    else:
        configs = [TASK_DATACLASS_REGISTRY[task]() for task in declaring_tasks(option)]
    for config in configs:
        structured = OmegaConf.structured(config)
        merged: Any = OmegaConf.merge(structured, {option.name: another(option)})
        assert merged[option.name] == another(option)
        with pytest.raises(Exception, match=r"could not be converted|Invalid value"):
            OmegaConf.merge(structured, {option.name: "nonsense"})


@each_option
@pytest.mark.parametrize("command", MCLAS)
def test_the_commands_of_mclas_have_its_flag(command: str, option: SearchOption) -> None:
    words = [*command.split(), *MCLAS[command]]
    bare = build_parser().parse_args(words)
    assert getattr(bare, option.name) is None, "a bundle's own must stay"
    assert chosen_options(bare) == DecodingOptions()
    args = build_parser().parse_args([*words, option.flag, str(another(option))])
    assert getattr(chosen_options(args), option.name) == another(option)


@each_option
def test_help_says_what_it_does_and_its_default(
    option: SearchOption, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["summarize", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert f"{option.declared.help} (default: {option.default})" in shown


@each_option
def test_validation_decodes_by_it(option: SearchOption) -> None:
    given = validation_options({option.name: another(option)})
    assert given[option.name] == another(option)
    default = validation_options({}).get(option.name)
    assert default == (option.validation_default if option.owner is Owner.FAIRSEQ else None)
    with pytest.raises(ConfigError, match=f"--eval-rouge-args: {option.flag}"):
        validation_options({option.name: [1]})


def test_validation_is_greedy_without_blocking_and_else_as_everywhere() -> None:
    differ = {
        option.name: option.validation_default
        for option in search_options()
        if option.validation_default != option.default
    }
    assert differ == {"beam": 1, "no_repeat_ngram_size": 0}


def test_validation_refuses_names_that_are_no_options() -> None:
    assert validation_options({"sampling": True, "prefix_size": 1})["sampling"] is True
    with pytest.raises(ConfigError, match="--eval-rouge-args: .* but has max_len, ngram; correct"):
        validation_options({"max_len": 3, "ngram": 3})


def bundle(**decoding: Any) -> BundleConfig:
    return BundleConfig(
        architecture="mclas_tiny",
        model={},
        target_layout="mclas",
        source_lang="en",
        target_lang="de",
        summary_langs=["en", "de"],
        max_source_positions=256,
        max_target_positions=1024,
        dictionary_size=1234,
        dictionary_sha256="ab" * 32,
        tokenizer="bpe",
        lowercase=True,
        tied_weights={},
        decoding=decoding,
        precision="float32",
    )


@each_option
def test_a_bundle_keeps_it(option: SearchOption, tmp_path: Path) -> None:
    bundle(**{option.name: another(option)}).save(tmp_path)
    found = stored_options(tmp_path, BundleConfig.load(tmp_path))
    assert found == dataclasses.replace(DecodingOptions(), **{option.name: another(option)})
    for wrong in ([1], {"a": 1}, True, "x", -99):
        bundle(**{option.name: wrong}).save(tmp_path)
        with pytest.raises(CheckpointError, match=f"options of decoding {option.flag}"):
            BundleConfig.load(tmp_path)


def test_a_bundle_of_an_earlier_version_has_the_defaults_of_newer_options(tmp_path: Path) -> None:
    earlier = {name: value for name, value in DecodingOptions(beam=4).values().items()}
    del earlier["repetition_penalty"], earlier["max_words"]
    assert stored_options(tmp_path, bundle(**earlier)) == DecodingOptions(beam=4)


def test_a_bundle_with_an_option_that_there_is_not_is_refused(tmp_path: Path) -> None:
    bundle(depth=3).save(tmp_path)
    with pytest.raises(CheckpointError, match="may set the options of decoding .* sets depth"):
        BundleConfig.load(tmp_path)


@each_option
def test_it_wins_over_the_settings_of_a_checkpoint(option: SearchOption, tmp_path: Path) -> None:
    Manifest("en", ("de",), "bpe", True, {}, {}, "ab" * 32).save(tmp_path)
    options = dataclasses.replace(DecodingOptions(), **{option.name: another(option)})
    overrides = checkpoint_overrides(tmp_path, options)
    # fairseq's own are no settings of a checkpoint: they come with each call.
    expected = None if option.owner is Owner.FAIRSEQ else another(option)
    assert overrides.get(option.name) == expected


@each_option
def test_the_page_of_decoding_names_it(option: SearchOption) -> None:
    assert f"`{option.flag}" in PAGE.read_text(encoding="utf-8")
