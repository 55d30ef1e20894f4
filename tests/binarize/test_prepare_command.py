"""The flags of `mclas prepare` reach the data-bin, and flags without effect are refused."""

import argparse
import re
from pathlib import Path

import pytest
from fairseq import options as fairseq_options

from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.cli import prepare as command
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import ConfigError, DataError


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
        (["--like", "x", "--task-tags"], "but --task-tags is; leave out"),
        (["--like", "x", "--tokenizer", "words"], "--like: takes tokenizer and dictionary from x"),
        (["--subset-seed", "3"], "--subset-seed: has an effect with --tokenizer-subset only"),
        (["--like", "x", "--sentencepiece-model", "y"], "but --sentencepiece-model is; leave out"),
        (["--like", "x", "--extend", "de", "--lowercase"], "but --lowercase is; leave out"),
        (["--tokenizer", "wordpiece"], "but only --tokenizer wordpiece is given; give both"),
        (["--vocab", "x"], "but only --vocab is given; give both"),
        (["--tokenizer", "bpe", "--sentencepiece-model", "x"], "but --tokenizer bpe is given"),
        (
            ["--sentencepiece-model", "x", "--vocab-size", "5", "--tokenizer-subset", "2"],
            "beside a given model, but --vocab-size and --tokenizer-subset is given",
        ),
        (
            ["--tokenizer", "wordpiece", "--vocab", "x", "--vocab-size", "5"],
            "--vocab: nothing is learned beside a given model, but --vocab-size is given",
        ),
        (["--extend", "de"], "--extend de: adds languages to an earlier data-bin's tokenizer"),
    ],
)
def test_flags_without_effect_are_refused(
    options: PrepareOptions, flags: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        command.run(parse(base(options) + flags))


def test_excluding_from_training_needs_training(options: PrepareOptions, tmp_path: Path) -> None:
    flags = ["--source-lang", "en", "--target-lang", "de", "--out", str(options.out)]
    flags += ["--test", "t", "--like", "x", "--exclude-ids", "y", "--dedup"]
    with pytest.raises(ConfigError, match="--exclude-ids and --dedup: .* give --train"):
        command.run(parse(flags))


def test_limits_given_models_and_extensions_reach_the_data_bin(
    options: PrepareOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = ["--max-document-words", "60", "--max-summary-words", "20"]
    limits += ["--max-length-ratio", "9", "--dedup", "--vocab-size", "44"]
    assert command.run(parse(base(options) + limits)) == 0
    manifest = DataBin.open(options.out).manifest
    assert manifest.filters == {
        "max_document_words": 60,
        "max_summary_words": 20,
        "max_length_ratio": 9.0,
        "dedup": True,
    }
    model = str(options.out / "tokenizer" / "sentencepiece.model")
    again = [*base(options), "--sentencepiece-model", model, "--out", str(tmp_path / "given")]
    assert command.run(parse(again)) == 0
    rows = '{"id": "z", "document": {"en": "a cat"}, "summary": {"zh": "我们 我们"}}'
    (tmp_path / "zh.jsonl").write_text(rows, encoding="utf-8")
    flags = ["--source-lang", "en", "--target-lang", "zh", "--train", str(tmp_path / "zh.jsonl")]
    flags += ["--like", str(options.out), "--out", str(tmp_path / "zh")]
    with pytest.raises(DataError, match="with --extend zh"):
        command.run(parse(flags))
    assert command.run(parse([*flags, "--max-unknown", "1"])) == 0
    capsys.readouterr()
    extension = ["--extend", "zh", "--vocab-size", "4", "--overwrite"]
    assert command.run(parse([*flags, *extension])) == 0
    assert "4 pieces learned, 1 of them shared" in capsys.readouterr().out


def preset(tmp_path: Path, table: str) -> list[str]:
    path = tmp_path / "mine.toml"
    path.write_text(f"[prepare]\n{table}\n[train]\nlr = 1\n", encoding="utf-8")
    return ["--preset", str(path)]


def test_a_preset_fills_in_what_the_command_line_leaves_open(
    options: PrepareOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = 'vocab-size = 9\ntokenizer = "words"\nlowercase = true\ndedup = false\nmax-unknown = 1'
    flags = preset(tmp_path, table)
    assert command.run(parse([*base(options), *flags])) == 0
    data_bin = DataBin.open(options.out)
    assert (data_bin.manifest.tokenizer, data_bin.manifest.lowercase) == ("words", True)
    reserved = len(data_bin.dictionary) - 9
    printed = capsys.readouterr().out
    assert printed.startswith(f"preset {flags[1]}: --vocab-size 9 --tokenizer words --lowercase ")
    assert f"next: mclas train {options.out} --preset {flags[1]} --target-layout mclas" in printed
    assert command.run(parse([*base(options), *flags, "--vocab-size", "12", "--overwrite"])) == 0
    assert len(DataBin.open(options.out).dictionary) - reserved == 12  # the flag wins
    assert "mine.toml: --tokenizer words --lowercase --max-unknown 1\n" in capsys.readouterr().out


def test_beside_an_earlier_tokenizer_a_preset_teaches_nothing_and_says_so(
    options: PrepareOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run(parse([*base(options), "--tokenizer", "words"])) == 0
    size = len(DataBin.open(options.out).dictionary)
    again = [*base(options)[:4], "--out", str(tmp_path / "again"), "--like", str(options.out)]
    again += ["--train", str(options.inputs["train"][0])]
    capsys.readouterr()
    assert command.run(parse([*again, "--preset", "tiny-data"])) == 0
    printed = capsys.readouterr().out
    left_out = (
        f"preset tiny-data: vocab-size 2000 is left out: the tokenizer is that of {options.out}"
    )
    assert printed.startswith(left_out)
    assert len(DataBin.open(tmp_path / "again").dictionary) == size
    with pytest.raises(ConfigError, match="--like: .* but --vocab-size is"):
        command.run(parse([*again, "--preset", "tiny-data", "--vocab-size", "5"]))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('out = "x"', r"mine.toml, out in \[prepare\]: must be one of vocab-size, .*command line"),
        ("vocabsize = 5", r"mine.toml, vocabsize in \[prepare\]: must be one of"),
        (
            'vocab-size = "many"',
            r"mine.toml, \[prepare\] must be as on .*--vocab-size: invalid int",
        ),
        ('tokenizer = "letters"', r"mine.toml, \[prepare\] must be as on .*--tokenizer: invalid"),
        ("lowercase = 3", r"mine.toml, \[prepare\] must be as on .*3"),
    ],
)
def test_a_preset_that_prepare_does_not_understand_is_refused(
    options: PrepareOptions, tmp_path: Path, table: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        command.run(parse([*base(options), *preset(tmp_path, table)]))


def test_summaries_of_the_target_language_alone_point_to_their_layout(
    options: PrepareOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = '{"id": "z", "document": {"en": "a cat"}, "summary": {"de": "die Katze"}}'
    (tmp_path / "ncls.jsonl").write_text(rows, encoding="utf-8")
    flags = ["--source-lang", "en", "--target-lang", "de,zh", "--tokenizer", "words"]
    flags += ["--train", str(tmp_path / "ncls.jsonl"), "--out", str(options.out)]
    assert command.run(parse(flags)) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(
        f"next: mclas train {options.out} --preset small-data --target-layout ncls"
    )
    assert "--target-lang de --save-dir" in last


def test_task_tags_point_to_a_training_of_several_tasks(
    options: PrepareOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run(parse([*base(options), "--tokenizer", "words", "--task-tags"])) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"next: fairseq-train {options.out} --user-dir ")
    words = last.removeprefix("next: fairseq-train ").split()
    parsed = fairseq_options.parse_args_and_arch(fairseq_options.get_training_parser(), words)
    assert (parsed.task, parsed.arch) == ("multitask_summarization", "vhm_small")
    assert parsed.criterion == "vhm_elbo"


def test_a_pretrained_tokenizer_points_to_its_encoder_and_two_rates(
    options: PrepareOptions, pretrained_bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run(parse([*base(options), "--pretrained", str(pretrained_bert)])) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    encoder = f"--pretrained-encoder {pretrained_bert} --max-source-positions 63"
    assert f"--arch mclas_mbert {encoder} --decoder-embed-dim 16 " in last
    assert "--lr-scheduler grouped_inverse_sqrt --encoder-lr 5e-5 --save-dir" in last


def test_the_help_shows_every_flag_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    text = capsys.readouterr().out
    flags = (
        "preset|source-lang|target-lang|train|valid|test|out|tokenizer|vocab-size|workers|lowercase|like"
        "|overwrite|translation-key|tokenizer-subset|subset-seed|exclude-ids|vocab|dedup|extend"
        "|sentencepiece-model|max-unknown|max-document-words|max-summary-words|max-length-ratio"
    )
    for flag in flags.split("|"):
        assert re.search(rf"--{flag}\s", text), flag
    assert "example:" in text
