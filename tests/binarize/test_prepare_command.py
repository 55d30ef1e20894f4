"""The flags of `mclas prepare` reach the data-bin, and flags without effect are refused."""

import argparse
import re
from pathlib import Path

import pytest

from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.cli import prepare as command
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import ConfigError


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mclas prepare")
    command.add_arguments(parser)
    return parser.parse_args(arguments)


def base(options: PrepareOptions) -> list[str]:
    flags = ["--source-lang", "en", "--target-lang", "de", "--out", str(options.out)]
    for split, paths in options.inputs.items():
        flags += [f"--{split}", *map(str, paths)]
    return flags


def test_the_command_makes_a_data_bin_and_prints_the_report(
    options: PrepareOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--tokenizer", "words", "--vocab-size", "500", "--lowercase"]
    assert command.run(parse(base(options) + flags)) == 0
    manifest = DataBin.open(options.out).manifest
    assert (manifest.tokenizer, manifest.lowercase, manifest.target_langs) == (
        "words",
        True,
        ("de",),
    )
    printed = capsys.readouterr().out
    assert "en->de: 10 triples, 1 ms only, 1 ncls only, 1 translation pairs" in printed
    assert re.search(r"train  summary-de +11 texts, .* 1\.00 a word, 0\.000% unknown", printed)
    assert re.search(r"de +\d+ entries from .*, covers 100\.00% of validation", printed)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--like", "x", "--vocab-size", "5", "--lowercase"], "--vocab-size and --lowercase is;"),
        (["--like", "x", "--tokenizer", "words"], "--like: takes tokenizer and dictionary from x"),
        (["--subset-seed", "3"], "--subset-seed: has an effect with --tokenizer-subset only"),
    ],
)
def test_flags_without_effect_are_refused(
    options: PrepareOptions, flags: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        command.run(parse(base(options) + flags))


def test_excluding_from_training_needs_training(options: PrepareOptions, tmp_path: Path) -> None:
    flags = ["--source-lang", "en", "--target-lang", "de", "--out", str(options.out)]
    flags += ["--test", "t", "--like", "x", "--exclude-ids", "y"]
    with pytest.raises(ConfigError, match="--exclude-ids: .* give --train"):
        command.run(parse(flags))


def test_the_help_shows_every_flag_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    text = capsys.readouterr().out
    flags = (
        "source-lang|target-lang|train|valid|test|out|tokenizer|vocab-size|workers|lowercase|like"
        "|overwrite|translation-key|tokenizer-subset|subset-seed|exclude-ids"
    )
    for flag in flags.split("|"):
        assert re.search(rf"--{flag}\s", text), flag
    assert "example:" in text
