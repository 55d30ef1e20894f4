"""Protocols `mclas` and `subword`, with small tokenizers that are made here."""

import hashlib
import json
import pickle
from pathlib import Path

import pytest
import sentencepiece
from tokenizers import BertWordPieceTokenizer

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.protocols import get_protocol, get_protocols
from mclas_fairseq.evaluation.rouge import METRICS, score_rouge
from mclas_fairseq.evaluation.scripts import check_script

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"我们很好。", "hel", "##lo", ".", "##们", "Hel"]


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "bert" / "vocab.txt"
    path.parent.mkdir()
    path.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sentencepiece")
    lines = [
        "我们很好。他们不好。",
        "the cat sat. the dog ran.",
        "die Katze saß auf der Matte.",
    ] * 20
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_prefix=str(folder / "pieces"),
        vocab_size=60,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return folder / "pieces.model"


# -- mclas -----------------------------------------------------------------------------------------


def ids(*pieces: str) -> list[str]:
    return [str(VOCABULARY.index(piece)) for piece in pieces]


def test_mclas_scores_chinese_by_ids_of_word_pieces(vocabulary: Path) -> None:
    rules = get_protocol("mclas", "zh", tokenizer=vocabulary)
    # Uncased, as multilingual BERT was in MCLAS; every character of Chinese stands alone; what is
    # not in the vocabulary is one and the same unknown piece. Marks are pieces of their sentence.
    assert rules.tokenise("我们很好。我 Hello. 狗") == [
        ids("我", "们", "很", "好", "。"),
        ids("我", "hel", "##lo", "."),
        ids("[UNK]"),
    ]
    sha256 = hashlib.sha256(vocabulary.read_bytes()).hexdigest()
    assert rules.token_kind == f"wordpiece-{sha256[:8]}"
    assert (rules.stemming, rules.summary_level) == ("no", "no")


def test_mclas_takes_a_folder_of_a_tokenizer_in_either_form(vocabulary: Path) -> None:
    folder = vocabulary.parent
    expected = get_protocol("mclas", "zh", tokenizer=vocabulary).tokenise("我们 Hello")
    assert get_protocol("mclas", "zh", tokenizer=folder).tokenise("我们 Hello") == expected
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    cased = get_protocol("mclas", "zh", tokenizer=folder).tokenise("我们 Hello")
    assert cased == [ids("我", "们", "Hel", "##lo")]
    fast = BertWordPieceTokenizer(str(vocabulary))
    fast.enable_truncation(3)
    fast.save(str(folder / "tokenizer.json"))
    assert get_protocol("mclas", "zh", tokenizer=folder).tokenise("我们 Hello") == expected


def test_mclas_scores_other_languages_by_stemmed_words_without_accents() -> None:
    rules = get_protocol("mclas", "de")
    assert rules.tokenise("Die Übermäßige Größe, running. Très") == [
        ["die", "ubermaßig", "große", "run"],
        ["tre"],
    ]
    assert (rules.token_kind, rules.stemming, rules.summary_level) == (
        *("word-no-accent", "porter"),
        "yes",
    )


def test_mclas_in_chinese_needs_its_vocabulary() -> None:
    with pytest.raises(ConfigError, match=r"'mclas' in 'zh': needs the vocabulary.*--tokenizer"):
        get_protocol("mclas", "zh")


def test_mclas_serves_no_other_language_without_spaces() -> None:
    with pytest.raises(ConfigError, match="'ja': must be one of default, xlsum, subword, but"):
        get_protocol("mclas", "ja")


def test_one_tokenizer_serves_both_languages_of_a_system(vocabulary: Path) -> None:
    rules = get_protocols("mclas", ["en", "zh"], tokenizer=vocabulary)
    assert [rules[code].stemming for code in ("en", "zh")] == ["porter", "no"]


def test_text_of_unknown_pieces_is_refused(vocabulary: Path) -> None:
    rules = get_protocol("mclas", "zh", tokenizer=vocabulary)
    with pytest.raises(DataError, match="hyp: protocol 'mclas' in 'zh'.* 75 % of the letters"):
        check_script("hyp", ["猫狗鸟", "我"], rules)


# -- subword ---------------------------------------------------------------------------------------


def test_subword_scores_by_the_ids_of_the_whole_text(model: Path) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    rules = get_protocol("subword", "zh", tokenizer=model)
    for text in ("我们很好。他们不好。", "the cat sat. the dog ran.", "Katze\nsaß"):
        sentences = rules.tokenise(text)
        assert [int(token) for sentence in sentences for token in sentence] == processor.encode(
            text
        )
        assert len(sentences) == 2
    assert rules.token_kind == f"spm-{hashlib.sha256(model.read_bytes()).hexdigest()[:8]}"
    assert get_protocol("subword", "zh", tokenizer=model.parent).token_kind == rules.token_kind


def test_subword_scores_identical_texts_100_and_empty_ones_0(model: Path) -> None:
    rules = get_protocol("subword", "de", tokenizer=model)
    text = "die Katze saß. auf der Matte."
    scores = score_rouge([text, ""], [[text]] * 2, language="de", protocol=rules)
    for metric in METRICS:
        assert scores.f1[metric].tolist() == [1.0, 0.0]


def test_subword_needs_its_model() -> None:
    with pytest.raises(ConfigError, match=r"'subword' in 'de': needs a Sent.*--tokenizer PATH"):
        get_protocol("subword", "de")


def test_protocol_with_a_tokenizer_goes_to_other_processes(model: Path) -> None:
    rules = get_protocol("subword", "de", tokenizer=model)
    assert pickle.loads(pickle.dumps(rules)).tokenise("die Katze") == rules.tokenise("die Katze")


# -- wrong tokenizers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "name", "message"),
    [
        ("subword", "missing", "missing: must be a file, or a folder .*, but is not there"),
        ("subword", "", r"must hold \*.model, but holds none"),
        ("subword", "text.txt", "text.txt: must hold the vocabulary .* cannot be read"),
        ("mclas", "", "must hold tokenizer.json or vocab.txt, but holds none"),
        ("mclas", "text.txt", "text.txt: must hold the vocabulary .* cannot be read"),
        ("mclas", "words.txt", r"words.txt: must be a vocabulary of word pieces with \[UNK\]"),
        ("mclas", "text.json", "text.json: must hold the vocabulary .* cannot be read"),
    ],
)
def test_wrong_tokenizers_are_refused_by_name(
    tmp_path: Path, protocol: str, name: str, message: str
) -> None:
    for file in ("text.txt", "text.json"):
        (tmp_path / file).write_text("no tokenizer\n", encoding="utf-8")
    (tmp_path / "words.txt").write_text("[CLS]\n[SEP]\nword\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        get_protocol(protocol, "zh", tokenizer=tmp_path / name)


def test_folder_with_several_models_is_refused(tmp_path: Path) -> None:
    for name in ("a.model", "b.model"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"must hold one \*.model, but holds a.model, b.model"):
        get_protocol("subword", "de", tokenizer=tmp_path)


def test_tokenizer_for_a_protocol_without_use_for_it_is_refused(model: Path) -> None:
    with pytest.raises(ConfigError, match="is for the protocols mclas, subword, but .*'ncls'"):
        get_protocol("ncls", "en", tokenizer=model)
