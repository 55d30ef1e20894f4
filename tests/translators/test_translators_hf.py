"""`hf:`: tiny random models of three families, their languages, batches and scores."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
import transformers

from mclas_fairseq.errors import MclasError
from mclas_fairseq.translators import TranslatorOptions, open_translator
from mclas_fairseq.translators.hf_languages import find_token, language_tokens

TEXT = ["the red dog sees a tree", "der rote hund sieht einen baum", "a big river and a house"]
LINES = ["the red dog", "a tree", "", "a big house and a red tree sees the dog", "river"]
MARKS = ["<s>", "<pad>", "</s>", "<unk>"]
PIECES = ["\u2581", "\u2581the", "\u2581red", "\u2581dog", *"abdeghinorstuv</>"]
SIZES: dict[str, Any] = {
    "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
    "max_position_embeddings": 48, "init_std": 0.6,
}  # fmt: skip


def save(folder: Path, tokenizer: Any, model: Any) -> Path:
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def make_marian(folder: Path, languages: tuple[str, ...] = ()) -> Path:
    """A bilingual model from English to German, or one with a sign for each target language."""
    folder.mkdir()
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT * 10), model_writer=made, vocab_size=40, bos_id=-1, eos_id=0,
        unk_id=1, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    for side in ("source", "target"):
        (folder / f"{side}.spm").write_bytes(made.getvalue())
    model = sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())
    pieces = [model.id_to_piece(number) for number in range(model.get_piece_size())]
    vocabulary = [*pieces, *languages, "<pad>"]
    path = folder / "vocab.json"
    path.write_text(json.dumps({p: number for number, p in enumerate(vocabulary)}), "utf-8")
    tokenizer = transformers.MarianTokenizer(
        source_spm=str(folder / "source.spm"), target_spm=str(folder / "target.spm"),
        vocab=str(path), source_lang="eng", target_lang="mul" if languages else "deu",
    )  # fmt: skip
    pad = len(vocabulary) - 1
    torch.manual_seed(3)
    config = transformers.MarianConfig(
        vocab_size=len(vocabulary), pad_token_id=pad, eos_token_id=0, decoder_start_token_id=pad,
        forced_eos_token_id=0, **SIZES,
    )  # fmt: skip
    return save(folder, tokenizer, transformers.MarianMTModel(config))


def make_nllb(folder: Path) -> Path:
    languages = ["eng_Latn", "deu_Latn", "zho_Hans", "zho_Hant"]
    vocabulary = {piece: number for number, piece in enumerate([*MARKS, *PIECES, *languages])}
    tokenizer = transformers.NllbTokenizer(
        vocab=vocabulary, merges=[], extra_special_tokens=languages
    )
    torch.manual_seed(3)
    config = transformers.M2M100Config(vocab_size=len(tokenizer), **SIZES)
    return save(folder, tokenizer, transformers.M2M100ForConditionalGeneration(config))


def make_mbart(folder: Path, start: int | None) -> Path:
    """As mBART-50 is (translations start with `</s>`), or as the first mBART (with a language)."""
    vocabulary = [(mark, 0.0) for mark in MARKS]
    vocabulary += [(piece, -2.0 - number / 100) for number, piece in enumerate(PIECES)]
    vocabulary += [("en_XX", 0.0), ("de_DE", 0.0), ("<mask>", 0.0)]
    tokenizer = transformers.MBartTokenizer(vocab=vocabulary)
    torch.manual_seed(3)
    config = transformers.MBartConfig(
        vocab_size=len(tokenizer), decoder_start_token_id=start, **SIZES
    )
    return save(folder, tokenizer, transformers.MBartForConditionalGeneration(config))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("hf")
    return {
        "marian": make_marian(folder / "marian"),
        "nllb": make_nllb(folder / "nllb"),
        "mbart": make_mbart(folder / "mbart", None),
        "mbart50": make_mbart(folder / "mbart50", 2),
    }


def options(source: str = "en", target: str = "de", **changes: Any) -> TranslatorOptions:
    return TranslatorOptions(source, target, **{"max_target_tokens": 8, **changes})


def open_model(folder: Path, **changes: Any) -> Any:
    return open_translator(f"hf:{folder}", options(**changes))


def error(folder: Path, **changes: Any) -> str:
    with pytest.raises(MclasError) as caught:
        open_translator(f"hf:{folder}", options(**changes))
    return str(caught.value)


@pytest.mark.parametrize("name", ["marian", "nllb", "mbart", "mbart50"])
@pytest.mark.parametrize("beam", [1, 3])
def test_translations_and_scores_are_those_of_one_line_at_a_time(
    models: dict[str, Path], name: str, beam: int
) -> None:
    translator = open_model(models[name], beam=beam)
    model, tokenizer = translator._loaded.model, translator._loaded.tokenizer
    found = translator.translate(LINES)
    assert found[2].text == ""
    assert len({translation.text for translation in found}) >= 3
    for line, translation in zip(LINES, found, strict=True):
        if not line:
            continue
        inputs = tokenizer([line], return_tensors="pt")
        made = model.generate(
            **inputs, **translator._loaded.forced, num_beams=beam, do_sample=False,
            length_penalty=1.0, early_stopping=beam > 1, return_dict_in_generate=True,
            output_logits=True, max_new_tokens=8 + 1 + (name in ("nllb", "mbart50")),
        )  # fmt: skip
        text = tokenizer.decode(made.sequences[0], skip_special_tokens=True)
        assert translation.text == " ".join(text.split())
        if beam == 1:  # the search's own distributions, step by step
            steps = [step[0].log_softmax(-1) for step in made.logits]
            scores = [
                float(step[token]) for step, token in zip(steps, made.sequences[0, 1:], strict=True)
            ]
            scores = scores[1:] if "forced_bos_token_id" in translator._loaded.forced else scores
            assert translation.score == pytest.approx(sum(scores) / len(scores), abs=2e-4)


@pytest.mark.parametrize("name", ["marian", "nllb", "mbart"])
def test_the_batch_does_not_change_translations(models: dict[str, Path], name: str) -> None:
    together = open_model(models[name]).translate(LINES)
    alone = open_model(models[name], batch_tokens=1).translate(LINES)
    assert [a.text for a in together] == [a.text for a in alone]
    assert [a.score for a in together] == pytest.approx([a.score for a in alone], abs=2e-4)


@pytest.mark.parametrize(
    ("name", "source", "target", "how"),
    [
        ("nllb", "eng_Latn", "deu_Latn", "forced_bos_token_id"),
        ("mbart50", "en_XX", "de_DE", "forced_bos_token_id"),
        ("mbart", "en_XX", "de_DE", "decoder_start_token_id"),
    ],
)
def test_a_multilingual_model_is_told_both_languages(
    models: dict[str, Path], name: str, source: str, target: str, how: str
) -> None:
    translator = open_model(models[name])
    tokenizer = translator._loaded.tokenizer
    assert translator._loaded.forced == {how: tokenizer.convert_tokens_to_ids(target)}
    (line,) = translator._encode(["the red dog"])
    assert tokenizer.convert_tokens_to_ids(source) in line.tokens
    back = open_model(models[name], source="de", target="en")
    assert back._loaded.forced == {how: tokenizer.convert_tokens_to_ids(source)}
    (line,) = back._encode(["the red dog"])
    assert tokenizer.convert_tokens_to_ids(target) in line.tokens


def test_a_sign_for_the_target_language_is_put_before_marians_lines(tmp_path: Path) -> None:
    folder = make_marian(tmp_path / "many", (">>deu<<", ">>fra<<"))
    translator = open_model(folder, target="fr")
    (line,) = translator._encode(["the red dog"])
    tokenizer = translator._loaded.tokenizer
    assert tokenizer.convert_ids_to_tokens(line.tokens[:1]) == [">>fra<<"]
    assert "must know the language nl, but knows deu, fra; give a model" in error(
        folder, target="nl"
    )


def test_a_language_that_the_model_does_not_know_is_refused(models: dict[str, Path]) -> None:
    assert error(models["nllb"], source="cs") == (
        f"translator hf:{models['nllb']}: must know the language cs, but knows deu-Latn, eng-Latn, "
        "zho-Hans, zho-Hant; give a model for this language"
    )
    assert "must know the language sv" in error(models["mbart"], target="sv")


def test_a_bilingual_model_of_the_other_direction_is_refused(models: dict[str, Path]) -> None:
    assert (
        "must translate from de to en, but translates from en to de; give the model of this"
        in error(models["marian"], source="de", target="en")
    )


@pytest.mark.parametrize(
    ("language", "token"),
    [
        ("de", "deu_Latn"), ("de-AT", "deu_Latn"), ("zh", "zho_Hans"), ("zh-TW", "zho_Hant"),
        ("ar", "arb_Arab"), ("fa", "pes_Arab"), ("nb", "nob_Latn"),
    ],
)  # fmt: skip
def test_languages_are_matched_as_unicode_does(language: str, token: str) -> None:
    names = "arb_Arab arz_Arab dan_Latn deu_Latn hrv_Latn nob_Latn pes_Arab zho_Hans zho_Hant"
    tokens = language_tokens("m2m_100", [*names.split(), "de", "_Latn", "__"])
    assert sorted(tokens.values()) == names.split()
    assert find_token(language, tokens, "hf:nllb") == token


def test_a_close_relative_is_not_taken_for_the_language() -> None:
    tokens = language_tokens("m2m_100", ["__hr__", "__da__", "de_DE"])
    assert sorted(tokens) == ["da", "hr"]
    for language in ("bs", "nb"):
        with pytest.raises(MclasError, match=f"must know the language {language}, but knows da, h"):
            find_token(language, tokens, "hf:m2m")


@pytest.mark.parametrize("name", ["marian", "nllb", "mbart"])
def test_a_line_that_names_marks_has_none_of_them(models: dict[str, Path], name: str) -> None:
    translator = open_model(models[name])
    plain, marked = translator._encode(["the red dog", "</s> the <pad> deu_Latn de_DE dog"])
    ids = set(translator._loaded.tokenizer.all_special_ids)
    ids -= {translator._loaded.tokenizer.unk_token_id}
    assert [token for token in marked.tokens if token in ids] == [
        token for token in plain.tokens if token in ids
    ]


def test_a_long_line_is_cut_to_the_models_positions(models: dict[str, Path]) -> None:
    translator = open_model(models["nllb"])
    found = translator.translate(["the red dog " * 40, "the dog"])
    assert [translation.cut for translation in found] == [True, False]
    (line,) = translator._encode(["the red dog " * 40])
    assert len(line.tokens) == 48
    end = translator._loaded.tokenizer.eos_token_id
    assert line.tokens[-1] == end


def test_out_of_memory_halves_the_batch(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = open_model(models["marian"])
    expected = [translation.text for translation in translator.translate(LINES)]
    generate, sizes = translator._loaded.model.generate, []

    def small(**arguments: Any) -> Any:
        sizes.append(len(arguments["input_ids"]))
        if sizes[-1] > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(**arguments)

    monkeypatch.setattr(translator._loaded.model, "generate", small)
    assert [translation.text for translation in translator.translate(LINES)] == expected
    assert sizes[:3] == [4, 2, 1]


def test_the_fingerprint_follows_the_files(models: dict[str, Path], tmp_path: Path) -> None:
    first = open_model(models["marian"])
    assert open_model(models["marian"], batch_tokens=5).fingerprint == first.fingerprint
    assert open_model(models["marian"], beam=2).fingerprint != first.fingerprint
    folder = make_marian(tmp_path / "other")
    assert open_model(folder).fingerprint == first.fingerprint
    first._loaded.model.model.shared.weight.data.zero_()
    first._loaded.model.save_pretrained(folder)
    assert open_model(folder).fingerprint != first.fingerprint


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    folder = make_marian(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    assert re.search(
        r"must have readable weights that fit its config.json, but has not \(.*no file named.*\); "
        r"copy or download the model again$",
        error(folder),
    )


def test_weights_that_transformers_would_invent_are_refused(tmp_path: Path) -> None:
    folder = make_marian(tmp_path / "model")
    weights = transformers.MarianMTModel.from_pretrained(folder).state_dict()
    del weights["model.encoder.layers.0.fc1.weight"]
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    assert re.search(
        r"must have all weights of the model, but 1 are missing, such as "
        r"model.encoder.layers.0.fc1.weight; the weights are of another model",
        error(folder),
    )


def test_hostile_weights_are_refused_and_nothing_is_run(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "run",)

    folder = make_marian(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    torch.save({"weight": Hostile()}, folder / "pytorch_model.bin")
    assert "must have readable weights" in error(folder)
    assert not (tmp_path / "run").exists()


def test_a_model_of_another_type_is_refused(tmp_path: Path) -> None:
    transformers.T5Config(d_model=8).save_pretrained(tmp_path)
    assert error(tmp_path) == (
        f"translator hf:{tmp_path}: must be a model of type m2m_100, nllb-moe, mbart, marian, but "
        "is of type t5; give a translation model of these types"
    )


def test_a_precision_of_another_kind_is_refused(models: dict[str, Path]) -> None:
    assert "--precision int8: must be one of float32, bfloat16, float16 for hf:" in error(
        models["marian"], precision="int8"
    )
