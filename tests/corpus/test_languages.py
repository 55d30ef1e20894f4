"""Language codes: what is none is named by the flag that it was given with."""

from pathlib import Path

import pytest

from mclas_fairseq.cli import main
from mclas_fairseq.corpus.languages import check_language
from mclas_fairseq.errors import DataError


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("zh_CN", "write zh-CN"),
        ("klingonisch", "correct it"),
        ("../en", "correct it"),
        ("", "correct it"),
        ("kling_on-isch", "correct it"),
    ],
)
def test_what_is_no_code_is_refused_with_what_may_be_meant(code: str, remedy: str) -> None:
    with pytest.raises(DataError) as told:
        check_language(code, "--lang")
    assert str(told.value) == (
        f"--lang {code!r}: must be a known code such as en, de, zh or pt-BR; {remedy}"
    )


def test_an_error_names_the_flag_of_its_own_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("h", "r"):
        (tmp_path / name).write_text("a\n", encoding="utf-8")
    words = ["score", "--hyp", str(tmp_path / "h"), "--ref", str(tmp_path / "r")]
    assert main([*words, "--lang", "zh_CN"]) == 2
    said = capsys.readouterr().err
    assert "mclas score: error: --lang 'zh_CN': must be a known code" in said
    assert "--target-lang" not in said
