"""Presets: the files that come with the package are good commands, and bad files are refused."""

from pathlib import Path

import pytest
from fairseq import options

from mclas_fairseq.cli import build_parser
from mclas_fairseq.cli.train import command
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.presets import flags, load_preset, preset_names


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_presets_are_named_by_size_of_data() -> None:
    assert preset_names() == ["paper", "small-data", "tiny-data"]


@pytest.mark.parametrize("name", ["tiny-data", "small-data", "paper"])
def test_every_preset_is_a_command_that_fairseq_and_prepare_take(name: str) -> None:
    words = command("data-bin", name, ["--save-dir", "checkpoints", "--dropout", "0.25"])
    args = options.parse_args_and_arch(options.get_training_parser(), input_args=words[1:])
    assert args.data == "data-bin"
    assert args.dropout == 0.25  # a flag wins over the preset
    assert load_preset(name).train["dropout"] != 0.25
    prepare = ["prepare", "--source-lang", "en", "--target-lang", "de", "--out", "data-bin"]
    build_parser().parse_args([*prepare, *flags(load_preset(name).prepare)])


@pytest.mark.parametrize("name", ["tiny-data", "small-data", "paper"])
def test_every_preset_says_where_its_values_come_from(name: str) -> None:
    first = load_preset(name).path.read_text(encoding="utf-8").split("[prepare]")[0]
    assert "triples" in first
    assert "docs/small_data.md" in first


def test_switches_stand_alone_and_false_ones_are_left_out() -> None:
    assert flags({"lr": 1e-3, "bf16": True, "cpu": False, "arch": "mclas_tiny"}) == [
        "--lr", "0.001", "--bf16", "--arch", "mclas_tiny",
    ]  # fmt: skip


def test_an_own_file_is_a_preset(tmp_path: Path) -> None:
    own = load_preset(write(tmp_path, "[train]\nlr = 0.5\n"))
    assert (own.train, own.prepare) == ({"lr": 0.5}, {})


def test_unknown_preset_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match="one of paper, small-data, tiny-data or a .toml file"):
        load_preset("huge-data")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train\n", "must be a TOML file, but is not"),
        ("lr = 1\n", r"must hold the tables \[prepare\] and \[train\] alone, but holds 'lr'"),
        ("[train]\nlr = [1]\n", r"lr in \[train\]: must be a text, a number, true or false"),
        ('[train]\n"--lr" = 1\n', "flags are written without dashes; write lr"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_preset(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"[train]\nmax-update = {'9' * 5000}\n", "must be a TOML file, but is not: "),
        (f"[train]\nmax-update = {'[' * 100_000}\n", "it is nested too deep; correct it"),
        ("[train]\nmax-update = [[1]]\n", "max-update in [train]: must be a text, a number"),
    ],
)
def test_a_preset_that_no_reader_of_toml_takes_is_refused(
    text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_preset(write(tmp_path, text))
    assert said in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_a_folder_is_no_preset(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match=r"folder.toml must be a readable TOML file, but is not"):
        load_preset(str(tmp_path / "folder.toml"))
