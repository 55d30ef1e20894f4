import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.output_language import (
    identify_language,
    language_shares,
    outside_vocabulary_share,
)
from mclas_fairseq.evaluation.script_languages import SCRIPT_LANGUAGES, main_script

SENTENCES = {
    "de": "Die Regierung hat am Freitag neue Regeln für den Verkehr beschlossen.",
    "en": "The government agreed on new rules for traffic on Friday.",
    "zh": "政府周五通过了新的交通规则。",
    "it": "Venerdì il governo ha approvato nuove regole per il traffico.",
    "fr": "Le gouvernement a adopté vendredi de nouvelles règles de circulation.",
    "ja": "政府は金曜日に新しい交通規則を決定した。",
    "tr": "Hükümet cuma günü trafik için yeni kurallar kabul etti.",
}
SCRIPTED = {
    "th": "รัฐบาลออกกฎจราจรใหม่",
    "ko": "정부가 새로운 교통 규칙을 정했다.",
    "el": "Η κυβέρνηση ενέκρινε νέους κανόνες.",
    "he": "הממשלה אישרה כללים חדשים.",
    "ka": "მთავრობამ ახალი წესები მიიღო.",
    "ta": "அரசு புதிய விதிகளை வகுத்தது.",
    "my": "အစိုးရက စည်းမျဉ်းသစ် ချမှတ်ခဲ့သည်။",
}


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("candidates", [None, tuple(SENTENCES)])
def test_sentence_is_in_its_language(language: str, candidates: tuple[str, ...] | None) -> None:
    assert identify_language(SENTENCES[language], candidates) == language


@pytest.mark.parametrize("language", SCRIPTED)
def test_script_of_one_language_decides_alone(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Were the statistical model asked to tell languages apart, this would raise.
    monkeypatch.setattr("py3langid.langid.LanguageIdentifier.rank", None)
    assert identify_language(SCRIPTED[language]) == language
    assert identify_language(SCRIPTED[language], ["en", "de", language]) == language


def test_script_decides_where_one_candidate_is_written_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("py3langid.langid.LanguageIdentifier.rank", None)
    assert identify_language("यह एक सारांश है", ["en", "hi"]) == "hi"
    assert identify_language("यह एक सारांश है", ["en", "ne"]) == "ne"
    assert identify_language(SENTENCES["zh"], ["en", "zh"]) == "zh"
    assert identify_language("东京 2020", ["en", "ja"]) == "ja"
    assert identify_language(SENTENCES["de"], ["en", "zh"]) == "en"


def test_languages_of_one_script_are_told_apart() -> None:
    assert identify_language("यह एक सारांश है", ["hi", "mr", "ne"]) == "hi"
    assert identify_language("हा एक सारांश आहे", ["hi", "mr", "ne"]) == "mr"
    assert identify_language("это краткое изложение") == "ru"
    assert identify_language("این یک خلاصه است") == "fa"


def test_quoted_names_do_not_change_the_script() -> None:
    assert identify_language("微软公司发布了新的 Windows 系统版本", ["en", "zh"]) == "zh"
    assert identify_language("政府周五通过了「の」新的交通规则", ["ja", "zh"]) == "zh"
    assert identify_language("使用 Convolutional Transformer 模型", ["en", "zh"]) == "zh"
    assert identify_language("Microsoft shows 窗 to the world", ["en", "zh"]) == "en"


def test_candidate_comes_back_as_it_was_given() -> None:
    assert identify_language("Ein Satz auf Deutsch ist das.", ["pt-BR", "de-AT"]) == "de-AT"
    assert identify_language(SENTENCES["zh"], ["en", "zh-Hans"]) == "zh-Hans"


def test_script_of_no_candidate_names_another_language() -> None:
    assert identify_language(SCRIPTED["th"], ["en", "de"]) == "th"
    assert identify_language(SENTENCES["en"], ["zh", "ja"]) == "en"


@pytest.mark.parametrize("text", ["", "   ", "12.5 % !"])
def test_text_without_letters_is_undetermined(text: str) -> None:
    assert identify_language(text) == "und"
    assert identify_language(text, ["en", "de"]) == "und"


def test_choice_that_the_library_cannot_make_is_refused() -> None:
    message = "must be one that py3langid tells from others, but 'haw' is not; .* en, haw; leave"
    with pytest.raises(DataError, match=message):
        identify_language(SENTENCES["en"], ["en", "haw"])


@given(st.text(max_size=30), st.sampled_from([None, ("en", "de"), ("hi", "mr", "en")]))
def test_every_text_gets_a_code(text: str, candidates: tuple[str, ...] | None) -> None:
    assert identify_language(text, candidates)


def test_main_script_is_that_of_most_words() -> None:
    assert main_script("abcdef аб вг") == "Cyrillic"
    assert main_script("BERT-based Transformers が良いと言う") == "Kana"
    assert main_script("ภาษา international conferences") == "Thai"
    assert main_script("漢字かな") == "Kana"
    assert main_script("1!") == ""
    assert all(main_script(text) in SCRIPT_LANGUAGES for text in SCRIPTED.values())


def test_shares_are_the_largest_first_and_sum_to_1() -> None:
    texts = [SENTENCES["de"], SENTENCES["en"], SENTENCES["de"], ""]
    shares = language_shares(texts, ["de", "en"])
    assert list(shares.items()) == [("de", 0.5), ("en", 0.25), ("und", 0.25)]


def test_shares_of_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="must be at least one text, but there is none"):
        language_shares([])


def test_outside_share_counts_pieces_as_often_as_they_occur() -> None:
    # 6 pieces, "c" twice and "d" once outside: 3 of 6, not 2 of 4 different ones.
    pieces = [["a", "b", "c"], [], ["c", "d", "a"]]
    assert outside_vocabulary_share(pieces, {"a", "b"}) == 0.5
    assert outside_vocabulary_share(iter([["a", "c", "c", "c"]]), ["a"]) == 0.75
    assert outside_vocabulary_share([[]], {"a"}) == 0.0


def test_optional_libraries_are_not_imported_with_the_package() -> None:
    code = (
        "import sys, mclas_fairseq, mclas_fairseq.evaluation.output_language\n"
        "import mclas_fairseq.evaluation.similarity\n"
        "print([name for name in ('py3langid', 'bert_score', 'ot') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
