"""Pieces: codes of fastBPE and subword-nmt, sentencepiece models, and what is neither."""

import io
from pathlib import Path

import pytest
import sentencepiece

from mclas_fairseq import extras
from mclas_fairseq.errors import ConfigError, SetupError
from mclas_fairseq.translators.pieces import Pieces, find_subwords

MERGES = ["t h", "th e</w>", "o w", "ow l</w>"]
LINE = 'the owl\'s - "show" & the [old] well-known <s> owls'


def write(folder: Path, name: str, lines: list[str]) -> Path:
    path = folder / name
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def test_codes_of_both_programs_cut_alike(tmp_path: Path) -> None:
    two = Pieces.load(write(tmp_path, "bpecodes", ["#version: 0.2", *MERGES]), "en", "en")
    three = Pieces.load(write(tmp_path, "code", [f"{merge} 7" for merge in MERGES]), "en", "en")
    assert two.encode("the owl") == ["the", "owl"]
    assert two.encode("others") == ["o@@", "th@@", "e@@", "r@@", "s"]
    assert three.encode(LINE) == two.encode(LINE)


def test_what_is_cut_is_joined_again(tmp_path: Path) -> None:
    pieces = Pieces.load(write(tmp_path, "bpecodes", ["#version: 0.2", *MERGES]), "en", "en")
    line = "the owl's \"show\" & the [old] well-known owls, isn't it?"
    assert pieces.decode(pieces.encode(line)) == line


def test_marks_of_sentences_do_not_become_text_but_unknown_words_do(tmp_path: Path) -> None:
    pieces = Pieces.load(write(tmp_path, "bpecodes", ["#version: 0.2", *MERGES]), "en", "de")
    assert pieces.decode(["<s>", "the", "<unk>", "<blank>", "<pad>", "</s>"]) == "the <unk>"


def test_old_codes_of_subword_nmt_have_no_version(tmp_path: Path) -> None:
    pieces = Pieces.load(write(tmp_path, "code", MERGES), "en", "de")
    assert pieces.encode("owl")[-1] == "l"  # of its first version: ends of words apart


def test_a_sentencepiece_model_takes_plain_text(tmp_path: Path) -> None:
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the owl's show", "well-known owls & others"] * 20),
        model_writer=made, vocab_size=30, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    (tmp_path / "spm.model").write_bytes(made.getvalue())
    assert find_subwords(tmp_path) == tmp_path / "spm.model"
    pieces = Pieces.load(tmp_path / "spm.model", "en", "de")
    assert "".join(pieces.encode("the owl's show")) == "\u2581the\u2581owl's\u2581show"
    assert pieces.decode(pieces.encode("the owl's show")) == "the owl's show"


def test_a_file_that_is_no_sentencepiece_model_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "sentencepiece.bpe.model", ["no model"])
    with pytest.raises(ConfigError, match="must be a model of sentencepiece, but cannot be loaded"):
        Pieces.load(path, "en", "de")


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["#version: 0.2", "a b", "a b c d"], "'a b c d'"),
        (["a b 7", "a b"], "'a b 7'"),
        (["#version: 0.2", "a b 7"], "'a b 7'"),
        (["#version: 0.2"], "''"),
        ([], "''"),
    ],
)
def test_codes_of_neither_program_are_refused(tmp_path: Path, lines: list[str], found: str) -> None:
    path = write(tmp_path, "bpecodes", lines)
    with pytest.raises(ConfigError) as caught:
        Pieces.load(path, "en", "de")
    assert str(caught.value) == (
        f"{path}: codes must be two pieces a line (subword-nmt) or two pieces and a count "
        f"(fastBPE), found {found}; copy the file again"
    )


def test_a_missing_fastbpe_is_said_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(module: str) -> None:
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(extras, "import_module", absent)
    path = write(tmp_path, "bpecodes", [f"{merge} 7" for merge in MERGES])
    with pytest.raises(SetupError, match=r"fastBPE.*pip install 'mclas-fairseq\[roundtrip\]'"):
        Pieces.load(path, "en", "de")
