"""A document in another language than the model's is told, and nothing else is."""

import pytest

from mclas_fairseq.inference.document_language import language_warning

GERMAN = "Der Fluss stieg am Montag in Zelburn, und sechs Kinder mussten ihre Häuser verlassen."
ENGLISH = "The river rose in Zelburn on Monday, and six children had to leave their homes."


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        (GERMAN, "en", "seems to be in 'de', but the model reads 'en'"),
        (ENGLISH, "pt-BR", "seems to be in 'en', but the model reads 'pt-BR'"),
        ("Вчера в Москве прошёл сильный дождь", "en", "written in Cyrillic letters"),
        ("今日は天気がいいです", "zh", "seems to be in 'ja'"),
        ("안녕하세요 세계", "de", "seems to be in 'ko'"),
        (ENGLISH, "zh", "written in Latin letters, but the model reads 'zh'"),
    ],
)
def test_another_language(text: str, language: str, said: str) -> None:
    assert said in (language_warning(text, language) or "")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (GERMAN, "de"),
        (ENGLISH, "en-GB"),
        ("Zelburn", "en"),  # too short to tell
        ("a b c", "de"),
        ("1234 !?", "en"),
        ("", "en"),
        ("今天天气很好", "zh"),
        ("안녕하세요 세계", "ko"),
        (ENGLISH, "nv"),  # which the library does not know
    ],
)
def test_nothing_to_say(text: str, language: str) -> None:
    assert language_warning(text, language) is None


def test_the_document_is_not_repeated() -> None:
    assert "Zelburn" not in str(language_warning(GERMAN, "en"))
