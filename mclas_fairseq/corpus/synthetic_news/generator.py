"""Records of the built-in synthetic news corpus, of any number.

An item is a function of setting, split, seed and index: a longer corpus begins with the items of a
shorter one. The record is that of every corpus: `document.en` and `translation.de`,
`translation.zh` as lists of sentences in the same order, `summary` in the three languages; the key
`synthetic_news` says what it is and which sentence matters. Place in the pipeline: made by
`mclas synthetic`, read by `mclas prepare`.
"""

from collections.abc import Iterator

from mclas_fairseq.corpus.synthetic_news.documents import draw_plan
from mclas_fairseq.corpus.synthetic_news.draws import Draws
from mclas_fairseq.corpus.synthetic_news.lexicon import LANGUAGES
from mclas_fairseq.corpus.synthetic_news.partition import SPLITS
from mclas_fairseq.corpus.synthetic_news.realisation import sentence, text
from mclas_fairseq.errors import ConfigError

SETTINGS = ("easy", "hard")
SOURCE_LANGUAGE = "en"


def generate(setting: str, split: str, size: int, seed: int) -> Iterator[dict[str, object]]:
    """The first `size` records of a split, with ids such as "easy-train-17".

    `setting` is one of `SETTINGS`, `split` one of `SPLITS`. Raises `ConfigError` at once, not when
    the first record is asked for.
    """
    _check_choice("synthetic setting", setting, SETTINGS, "--setting")
    _check_choice("synthetic split", split, SPLITS, "split")
    if size < 0:
        raise ConfigError(
            f"synthetic {split} size must not be negative, but is {size}; "
            f"give --{split} a number of documents"
        )
    return (_record(setting, split, seed, index) for index in range(size))


def sentence_pairs(records: Iterator[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Translation pairs, a record each sentence: id "easy-train-17.0", document and translation."""
    for record in records:
        document, translation = record["document"], record["translation"]
        assert isinstance(document, dict)
        assert isinstance(translation, dict)
        for position, source in enumerate(document[SOURCE_LANGUAGE]):
            yield {
                "id": f"{record['id']}.{position}",
                "document": {SOURCE_LANGUAGE: source},
                "translation": {
                    language: sentences[position] for language, sentences in translation.items()
                },
                "synthetic_news": record["synthetic_news"],
            }


def _record(setting: str, split: str, seed: int, index: int) -> dict[str, object]:
    plan = draw_plan(setting, split, Draws(f"synthetic_news {setting} {split} {seed} {index}"))
    sentences = {
        language: [sentence(statement, language) for statement in plan.document]
        for language in LANGUAGES
    }
    return {
        "id": f"{setting}-{split}-{index}",
        "document": {SOURCE_LANGUAGE: sentences.pop(SOURCE_LANGUAGE)},
        "summary": {language: [text(plan.summary, language)] for language in LANGUAGES},
        "translation": sentences,
        "synthetic_news": {"setting": setting, "main_sentence": plan.main},
    }


def _check_choice(subject: str, value: str, choices: tuple[str, ...], flag: str) -> None:
    if value not in choices:
        known = ", ".join(choices)
        raise ConfigError(f"{subject} must be one of {known}, but is {value!r}; mend {flag}")
