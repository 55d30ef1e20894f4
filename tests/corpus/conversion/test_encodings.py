"""Files in another encoding: what they look like, and that nothing is guessed silently."""

import gzip
from pathlib import Path

import pytest

from mclas_fairseq.corpus.conversion.encodings import check_encoding, open_text
from mclas_fairseq.corpus.conversion.guessing import Encoding
from mclas_fairseq.errors import ConfigError, DataError

TURKISH = "Türkiye'de yüzyıllardır içilen çayın öyküsü: şehirlerde ve köylerde değişen bir gelenek."
CHINESE = "市政府昨天宣布，新的地铁线路将于明年春天开通，预计每天运送十万名乘客。"


def read(path: Path, content: bytes, encoding: str = "utf-8", languages: str = "") -> str:
    path.write_bytes(content)
    with open_text(path, Encoding(encoding, tuple(languages.split())), newline="") as text:
        return text.read()


def error(path: Path, content: bytes, languages: str = "") -> str:
    with pytest.raises(DataError) as caught:
        read(path, content, languages=languages)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("encoding", "text"), [("cp1254", TURKISH), ("gb18030", CHINESE), ("utf-16", TURKISH)]
)
def test_a_file_in_another_encoding_is_read_when_it_is_named(
    tmp_path: Path, encoding: str, text: str
) -> None:
    content = "\n".join([text] * 20)
    assert read(tmp_path / "t.csv", content.encode(encoding), encoding) == content


def test_the_error_shows_what_a_turkish_file_would_read_as(tmp_path: Path) -> None:
    content = "nr;text\n" + "".join(f"{n};{TURKISH}\n" for n in range(30))
    message = error(tmp_path / "t.csv", content.encode("cp1254"), "en tr")
    assert message.startswith(f"{tmp_path}/t.csv: line 2: text must be utf-8, but byte 12 is not;")
    assert "it looks like " in message
    # cp1252 reads most letters alike: what is shown is a place where it does not.
    assert 'cp1254 ("kiye\'de yüzyıllardır içi")' in message
    assert 'cp1252 ("kiye\'de yüzyýllardýr içi")' in message
    assert "give --encoding with the one that reads right" in message


def test_one_word_is_enough_where_the_language_is_known(tmp_path: Path) -> None:
    assert "it looks like cp1254 ('Şehir')" in error(tmp_path / "t", "Şehir".encode("cp1254"), "tr")
    assert "it looks like cp1251 ('мир" in error(tmp_path / "t", "мир".encode("cp1251"), "en ru")
    assert "it looks like gb18030 ('天气" in error(tmp_path / "t", "天气".encode("gbk"), "zh-Hans")


def test_without_languages_the_proposals_are_those_of_the_library(tmp_path: Path) -> None:
    content = (TURKISH * 20).encode("cp1254")
    assert "it looks like " in error(tmp_path / "t.csv", content)


def test_the_error_names_the_encoding_of_a_chinese_file(tmp_path: Path) -> None:
    message = error(tmp_path / "t.csv", ("a,b\n" + f"{CHINESE},x\n" * 30).encode("gb18030"))
    assert "gb" in message.split("it looks like")[1]
    assert CHINESE[:5] in message


def test_a_file_marked_as_utf_16_is_said_to_be_so(tmp_path: Path) -> None:
    message = error(tmp_path / "t.txt", TURKISH.encode("utf-16"))
    assert message.endswith("the file is marked as utf-16: give --encoding utf-16")


def test_a_blemish_in_a_file_of_utf_8_is_shown_and_no_other_encoding_advised(
    tmp_path: Path,
) -> None:
    lines = [TURKISH.encode()] * 5000
    lines[4000] = b"k\xf6t\xfc " + TURKISH.encode()
    message = error(tmp_path / "t.csv", b"\n".join(lines))
    assert "line 4001: text must be utf-8" in message
    assert "UTF-8 apart from that: mend" in message
    assert "--encoding" not in message


def test_gzip_files_are_looked_into_as_well(tmp_path: Path) -> None:
    message = error(tmp_path / "t.csv.gz", gzip.compress((TURKISH * 20).encode("cp1254")))
    assert "line 1: text must be utf-8, but byte 2 is not" in message


def test_text_that_is_cut_in_the_middle_of_a_letter_is_an_error(tmp_path: Path) -> None:
    assert "text must be utf-8" in error(tmp_path / "t.csv", "abc ç".encode()[:-1])


def test_the_place_is_right_when_a_letter_was_cut_by_the_reading_in_chunks(tmp_path: Path) -> None:
    # The two bytes of the letter lie on either side of 64 KiB, the wrong one three bytes later.
    content = b"x" * (2**16 - 1) + "ç".encode() + b"ab\xe9 and more"
    assert f"line 1: text must be utf-8, but byte {2**16 + 4} is not" in error(
        tmp_path / "t.csv", content
    )


def test_the_right_place_is_named_far_into_a_file(tmp_path: Path) -> None:
    content = b"x" * 99 + b"\n"
    message = error(tmp_path / "t.csv", content * 2000 + b"caf\xe9 and more\n")
    assert "line 2001: text must be utf-8, but byte 200004 is not" in message


@pytest.mark.parametrize("name", ["klingon", "base64", "a b", "\x00"])
def test_an_encoding_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="--encoding: must be an encoding that Python knows"):
        check_encoding(name)


def test_names_of_encodings_are_spelt_in_one_way() -> None:
    assert [check_encoding(name) for name in ("UTF8", "utf_8", "windows-1254")] == [
        "utf-8",
        "utf-8",
        "cp1254",
    ]


def test_a_missing_file_and_a_broken_gzip_file_are_named(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match="must exist"),
        open_text(tmp_path / "no.csv", Encoding(), newline=""),
    ):
        pass
    with pytest.raises(DataError, match="must be whole gzip data"):
        read(tmp_path / "t.csv.gz", gzip.compress(b"abc" * 1000)[:-10])
    with (
        pytest.raises(DataError, match="must be a readable file"),
        open_text(tmp_path, Encoding(), newline=""),
    ):
        pass
