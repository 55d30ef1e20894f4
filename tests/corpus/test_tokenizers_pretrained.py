"""A pretrained encoder's tokenizer cuts text as transformers does, and refuses what it cannot."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from mclas_fairseq.corpus.tokenizers import PretrainedTokenizer, load_tokenizer
from mclas_fairseq.corpus.tokenizers.pretrained_checkpoint import open_pretrained, vocabulary_sha256
from mclas_fairseq.errors import ConfigError, DataError, SetupError

transformers: Any = pytest.importorskip("transformers")

TEXTS = {
    "en": "The playing Café (2 of them) isn't state-of-the-art; 0.5 % of 1,000!",
    "de": "Größere Häuser, ÜBER die Straße: „naïve“ Sprachmodelle — 3,5 Mio. €.",
    "zh": "我们提出了一种新的方法，模型（BERT）很好。２０２０年",
    "it": "L'università dell'arte è più grande.",
    "ja": "ディープラーニングのモデルを提案する。",
}


def bert_folder(folder: Path, **settings: object) -> Path:
    """A folder as BERT's is published: config.json, vocab.txt, tokenizer_config.json."""
    letters = sorted({c for t in TEXTS.values() for c in t + t.lower() if c.strip() and c != "€"})
    letters += ["u", "a", "o", "e", "i"]
    special = ["[PAD]", *(f"[unused{n}]" for n in range(1, 8)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = ["the", "play", "##ing", "modell", "##e", "haus", "##er"]
    pieces = dict.fromkeys([*special, *letters, *(f"##{letter}" for letter in letters), *words])
    folder.mkdir()
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    transformers.BertConfig(vocab_size=len(pieces) + 2).save_pretrained(folder)
    return folder


def xlmr_folder(folder: Path) -> Path:
    """A folder as XLM-R's is published, with a sentencepiece model learned here."""
    pytest.importorskip("google.protobuf")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(list(TEXTS.values()) * 3),
        model_writer=model,
        model_type="unigram",
        vocab_size=170,
        hard_vocab_limit=False,
        character_coverage=1.0,
        minloglevel=2,
    )
    folder.mkdir()
    (folder / "sentencepiece.bpe.model").write_bytes(model.getvalue())
    learned = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    rows = learned.get_piece_size() + 2  # <pad> and <mask>
    transformers.XLMRobertaConfig(vocab_size=rows).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "settings",
    [
        {"do_lower_case": True},
        {"do_lower_case": False},
        {"do_lower_case": True, "strip_accents": False},
        {"do_lower_case": True, "tokenize_chinese_chars": False},
    ],
    ids=["uncased", "cased", "accents kept", "chinese in runs"],
)
def test_bert_text_becomes_the_ids_of_transformers(
    settings: dict[str, object], tmp_path: Path
) -> None:
    check_ids(bert_folder(tmp_path / "bert", **settings), tmp_path)


def test_xlmr_text_becomes_the_ids_of_transformers(tmp_path: Path) -> None:
    check_ids(xlmr_folder(tmp_path / "xlmr"), tmp_path)


def check_ids(folder: Path, work: Path) -> None:
    checkpoint = open_pretrained(str(folder))
    checkpoint.tokenizer.save(work / "tokenizer")
    kept = load_tokenizer(work / "tokenizer")
    assert isinstance(kept, PretrainedTokenizer)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    for language, text in TEXTS.items():
        expected = theirs(text, add_special_tokens=False)["input_ids"]
        assert kept.numbers(kept.encode(text, language)) == expected, language
        checkpoint.check_cuts([text], language)
    assert checkpoint.pieces[: len(theirs)] == tuple(
        theirs.convert_ids_to_tokens(range(len(theirs)))
    )


def test_lower_case_is_told_from_the_rules(tmp_path: Path) -> None:
    assert open_pretrained(str(bert_folder(tmp_path / "u", do_lower_case=True))).tokenizer.lowercase
    cased = open_pretrained(str(bert_folder(tmp_path / "c", do_lower_case=False))).tokenizer
    assert not cased.lowercase


def test_text_that_spells_special_pieces_makes_none(tmp_path: Path) -> None:
    hostile = "[SEP] the [PAD] <s> </s> <pad> [LSEP] <mask> [unused5] [MASK] [id:3] [CLS]"
    for folder in (bert_folder(tmp_path / "bert"), xlmr_folder(tmp_path / "xlmr")):
        tokenizer = open_pretrained(str(folder)).tokenizer
        pieces = tokenizer.encode(hostile, "en")
        assert not [p for p in pieces if len(p) > 2 and (p[0], p[-1]) in (("[", "]"), ("<", ">"))]
        assert "unused5" in tokenizer.decode(pieces, "en").replace(" ", "")


def test_what_is_unknown_stays_visible_and_is_never_an_entry(tmp_path: Path) -> None:
    bert = open_pretrained(str(bert_folder(tmp_path / "bert"))).tokenizer
    assert bert.encode("the дом 5€ plays", "en") == ["the", "дом", "5€", "play", "##s"]
    assert bert.numbers(["дом"]) == [bert.pieces.index("[UNK]")]
    xlmr = open_pretrained(str(xlmr_folder(tmp_path / "xlmr"))).tokenizer
    assert "".join(xlmr.encode("the 𓀀𓀁 is", "en")) == "▁the▁𓀀𓀁▁is"
    assert "�[PAD]" in xlmr.encode("is [PAD]", "en"), "all of it unknown"


def test_pieces_become_text_again(tmp_path: Path) -> None:
    xlmr = open_pretrained(str(xlmr_folder(tmp_path / "xlmr"))).tokenizer
    assert xlmr.decode(xlmr.encode(TEXTS["en"], "en"), "en") == TEXTS["en"]
    bert = open_pretrained(str(bert_folder(tmp_path / "bert"))).tokenizer
    decoded = bert.decode(bert.encode("Playing, the Modelle.", "en"), "en")
    assert decoded == "playing, the modelle."


def test_rows_of_the_encoder_without_a_piece_have_none(tmp_path: Path) -> None:
    checkpoint = open_pretrained(str(bert_folder(tmp_path / "bert")))
    assert checkpoint.pieces[-2:] == (None, None)
    assert checkpoint.name == "bert"
    assert checkpoint.sha256 == vocabulary_sha256(checkpoint.pieces)
    assert checkpoint.sha256 != vocabulary_sha256(checkpoint.pieces[::-1])


def test_a_cut_that_is_not_transformers_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = open_pretrained(str(bert_folder(tmp_path / "bert")))
    monkeypatch.setattr(PretrainedTokenizer, "encode", lambda self, text, language: ["the", "the"])
    with pytest.raises(DataError, match=r"'the playing' differs at piece 2: \[\d+\] instead of"):
        checkpoint.check_cuts(["the playing"], "en")


def folder_with(folder: Path, *names: str) -> Path:
    source = bert_folder(folder.with_name("source"))
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes((source / name).read_bytes())
    return folder


def test_a_path_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: must be a folder .* give --pretrained FOLDER"):
        open_pretrained(str(tmp_path / "nowhere"))
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file: .* there is no such folder"):
        open_pretrained(str(tmp_path / "file"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"its config\.json is missing, damaged"):
        open_pretrained(str(tmp_path / "empty"))


def test_a_folder_without_the_tokenizers_files_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "half", "config.json")
    with pytest.raises(ConfigError, match="must come with its tokenizer"):
        open_pretrained(str(folder))


def test_a_tokenizer_with_more_pieces_than_the_encoder_has_rows_is_refused(tmp_path: Path) -> None:
    folder = bert_folder(tmp_path / "bert")
    transformers.BertConfig(vocab_size=50).save_pretrained(folder)
    with pytest.raises(DataError, match=r"each piece .* \d+ pieces meet 50 rows \(vocab_size in"):
        open_pretrained(str(folder))


def test_a_tokenizer_of_another_kind_is_refused(tmp_path: Path) -> None:
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "a": 5}
    transformers.RobertaTokenizer(vocab=vocabulary, merges=[]).save_pretrained(tmp_path)
    transformers.RobertaConfig(vocab_size=6).save_pretrained(tmp_path)
    with pytest.raises(DataError, match=r"WordPiece \(BERT\) or by a unigram .* but is BPE"):
        open_pretrained(str(tmp_path))


def test_protobuf_is_named_where_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = xlmr_folder(tmp_path / "xlmr")

    def missing(module: str, **_: object) -> Any:
        if module == "google.protobuf":
            raise SetupError("--pretrained: needs protobuf")
        return transformers

    monkeypatch.setattr("mclas_fairseq.corpus.tokenizers.pretrained_checkpoint.require", missing)
    with pytest.raises(SetupError, match="needs protobuf"):
        open_pretrained(str(folder))


def test_it_is_never_learned_and_a_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="never learned; name the checkpoint with --pretrained"):
        PretrainedTokenizer.train({}, vocab_size=5, lowercase=False)
    open_pretrained(str(bert_folder(tmp_path / "bert"))).tokenizer.save(tmp_path / "kept")
    (tmp_path / "kept" / "pretrained.json").write_text("{}")
    with pytest.raises(DataError, match=r"pretrained.json: must be a tokenizer's description"):
        load_tokenizer(tmp_path / "kept")


def test_real_text_in_four_languages_becomes_the_ids_of_transformers(
    data_dir: Path, tmp_path: Path
) -> None:
    import gzip

    folders = [bert_folder(tmp_path / "bert"), xlmr_folder(tmp_path / "xlmr")]
    for checkpoint in [open_pretrained(str(folder)) for folder in folders]:
        with gzip.open(data_dir / "xscitldr" / "valid.jsonl.gz", "rt", encoding="utf-8") as lines:
            for _, line in zip(range(40), lines, strict=False):
                row = json.loads(line)
                checkpoint.check_cuts(row["document"]["en"], "en")
                for language in ("en", "de", "it", "zh"):
                    checkpoint.check_cuts(row["summary"][language], language)
