"""Models whose copies are translated: layouts, search, weights, and what is refused."""

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary

from mclas_fairseq.checkpoints.settings import settle
from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.data.target_languages import TargetLanguages
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.lexicon.file import Lexicon
from mclas_fairseq.modules.softmax_loss import Smoothing
from mclas_fairseq.summarization.model import MclasModel, mclas_tiny
from mclas_fairseq.summarization.two_decoders import NclsMsModel, ncls_ms_tiny

ENTRIES = {"w0": {"w10": 0.75, "w11": 0.25}, "w1": {"w12": 1.0}, "w2": {"w13": 0.5, "w14": 0.5}}
SRC = torch.tensor([[1, 1, 4, 5, 6, 2], [6, 7, 5, 4, 4, 2]])  # padded on the left
LENGTHS = torch.tensor([4, 6])


def make_dictionary() -> Dictionary:
    dictionary = Dictionary()
    for number in range(20):
        dictionary.add_symbol(f"w{number}")
    dictionary.add_symbol("[LSEP]")
    return dictionary


DICTIONARY = make_dictionary()
SEPARATOR = DICTIONARY.index("[LSEP]")
PREV = torch.tensor([[2, 5, SEPARATOR, 15, 14], [2, SEPARATOR, 14, 15, 16]])


def make_task(layout: Layout, *languages: str) -> Any:
    sha256 = dictionary_fingerprint(DICTIONARY)
    trained = languages or ("de",)
    symbols = {"de": 22, "fr": 23} if len(trained) > 1 else {}
    setting = SimpleNamespace(
        layout=layout,
        source_lang="en",
        targets=TargetLanguages(trained, trained, symbols),
        data_bin=SimpleNamespace(
            separator=SEPARATOR, manifest=SimpleNamespace(dictionary_sha256=sha256)
        ),
    )
    return SimpleNamespace(
        source_dictionary=DICTIONARY,
        target_dictionary=DICTIONARY,
        dictionary_sha256=sha256,
        layout=layout,
        setting=setting,
        trained=setting,
        max_positions=lambda: (64, 64),
    )


def write_lexicon(path: Path, language: str = "de", sha256: str = "") -> Path:
    fingerprint = sha256 or dictionary_fingerprint(DICTIONARY)
    Lexicon("en", language, fingerprint, ENTRIES).save(path)
    return path


def make_model(layout: Layout, lexicon: object, *languages: str, **options: Any) -> Any:
    torch.manual_seed(7)
    given = {"translated_copying": "naive", **options}
    args = Namespace(dropout=0.0, lexicon=None if lexicon is None else str(lexicon), **given)
    for side in ("encoder", "decoder"):
        setattr(args, f"{side}_embed_dim", 16)
        setattr(args, f"{side}_ffn_embed_dim", 32)
        setattr(args, f"{side}_layers", 1)
    two = layout is Layout.NCLS_MS
    (ncls_ms_tiny if two else mclas_tiny)(args)
    kind = NclsMsModel if two else MclasModel
    return kind.build_model(args, make_task(layout, *languages)).eval()


@pytest.fixture
def lexicon(tmp_path: Path) -> Path:
    return write_lexicon(tmp_path / "de.jsonl")


def probabilities(model: Any, prev: torch.Tensor = PREV) -> torch.Tensor:
    out = model(SRC, LENGTHS, prev)
    found: torch.Tensor = model.get_normalized_probs(out, False)
    return found


def shut_gate(model: Any) -> None:
    """Let the model copy and nothing else."""
    for decoder in {model.decoder, getattr(model, "ms_decoder", model.decoder)}:
        decoder.copy_gate.projection.bias.data.fill_(-50.0)


def support(probs: torch.Tensor) -> set[str]:
    return {DICTIONARY[int(number)] for number in probs.gt(1e-6).nonzero().view(-1)}


COPIED, TRANSLATED = {"w0", "w1", "w2", "</s>"}, {"w10", "w11", "w12", "w13", "w14", "</s>"}


def test_mclas_copies_before_the_separator_and_translates_behind_it(lexicon: Path) -> None:
    model = make_model(Layout.MCLAS, lexicon)
    shut_gate(model)
    probs = probabilities(model)
    torch.testing.assert_close(probs.sum(-1), torch.ones(PREV.shape))
    assert [support(row) for row in probs[0]] == [COPIED] * 2 + [TRANSLATED] * 3


def test_ncls_translates_from_the_first_token_on(lexicon: Path) -> None:
    model = make_model(Layout.NCLS, lexicon)
    shut_gate(model)
    assert [support(row) for row in probabilities(model)[0]] == [TRANSLATED] * 5


def test_ncls_ms_translates_in_one_decoder_and_copies_in_the_other(lexicon: Path) -> None:
    model = make_model(Layout.NCLS_MS, lexicon)
    shut_gate(model)
    logits, extra = model(SRC, LENGTHS, PREV, ms_prev_output_tokens=PREV)
    assert support(model.get_normalized_probs((logits, extra), False)[0, 0]) == TRANSLATED
    assert support(model.get_normalized_probs(extra["ms"], False)[0, 0]) == COPIED


def test_several_targets_have_a_lexicon_each(tmp_path: Path) -> None:
    other = Lexicon("en", "fr", dictionary_fingerprint(DICTIONARY), {"w0": {"w17": 1.0}})
    other.save(tmp_path / "fr.jsonl")
    files = f"{tmp_path / 'fr.jsonl'},{write_lexicon(tmp_path / 'de.jsonl')}"
    model = make_model(Layout.MCLAS, files, "de", "fr")
    shut_gate(model)
    probs = probabilities(model, torch.tensor([[2, 22, 5], [2, 23, 5]]))
    assert support(probs[0, 1]) == TRANSLATED
    assert support(probs[1, 1]) == {"w17", "w1", "w2", "w3", "</s>"}


def test_equal_gives_all_translations_of_a_word_the_same(lexicon: Path) -> None:
    naive, equal = (
        make_model(Layout.NCLS, lexicon, translated_copying=name).decoder.translations
        for name in ("naive", "equal")
    )
    word = DICTIONARY.index("w0")
    assert naive.weights[1, word].tolist() == [0.75, 0.25]
    assert equal.weights[1, word].tolist() == [0.5, 0.5]
    assert equal.weights[1, DICTIONARY.index("w1")].tolist() == [1.0, 0.0]


def test_adaptive_weighs_the_translations_of_a_word_by_its_document(lexicon: Path) -> None:
    model = make_model(Layout.NCLS, lexicon, translated_copying="adaptive")
    shut_gate(model)
    probs = probabilities(model)
    torch.testing.assert_close(probs.sum(-1), torch.ones(PREV.shape))
    assert support(probs[0, 0]) == TRANSLATED
    w10, w11 = (DICTIONARY.index(name) for name in ("w10", "w11"))
    shares = probs[..., w10] / (probs[..., w10] + probs[..., w11])
    assert shares[0].std() < 1e-6  # at every step the document is the same
    assert abs(shares[0, 0].item() - 0.75) > 0.01  # not the lexicon's
    assert abs((shares[0, 0] - shares[1, 0]).item()) > 1e-3


@pytest.mark.parametrize("strategy", ["naive", "adaptive"])
@pytest.mark.parametrize("layout", [Layout.NCLS, Layout.MCLAS])
def test_incremental_decoding_is_full_decoding(
    layout: Layout, strategy: str, lexicon: Path
) -> None:
    model = make_model(layout, lexicon, translated_copying=strategy)
    full = probabilities(model).log()
    encoder_out = model.encoder(SRC, src_lengths=LENGTHS)
    state: dict[str, Any] = {}
    for step in range(PREV.size(1)):
        prev = PREV[:, : step + 1]
        out = model.decoder(prev, encoder_out=encoder_out, incremental_state=state)
        one = model.get_normalized_probs(out, True)[:, -1]
        torch.testing.assert_close(one, full[:, step], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("strategy", ["naive", "equal", "adaptive"])
def test_a_document_alone_is_as_in_a_batch(strategy: str, lexicon: Path) -> None:
    model = make_model(Layout.MCLAS, lexicon, translated_copying=strategy)
    together = probabilities(model)
    for row, padding in enumerate((2, 0)):
        one = slice(row, row + 1)
        out = model(SRC[one, padding:], LENGTHS[one], PREV[one])
        alone = model.get_normalized_probs(out, False)
        torch.testing.assert_close(alone[0], together[row], atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("strategy", ["naive", "adaptive"])
def test_loss_of_chosen_positions_is_that_of_their_probabilities(
    strategy: str, lexicon: Path
) -> None:
    model = make_model(Layout.MCLAS, lexicon, translated_copying=strategy)
    mask = PREV.ne(SEPARATOR)
    target = torch.full((int(mask.sum()),), 14)
    out = model(SRC, LENGTHS, PREV, target_mask=mask)
    _, nll = model.smoothed_loss(out, target, Smoothing(0.1, 1))
    expected = -probabilities(model)[mask].log().gather(1, target.unsqueeze(1)).squeeze(1)
    torch.testing.assert_close(nll, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("strategy", ["naive", "adaptive"])
@pytest.mark.parametrize("layout", [Layout.MCLAS, Layout.NCLS_MS])
def test_lexicon_travels_with_the_weights(layout: Layout, strategy: str, lexicon: Path) -> None:
    trained = make_model(layout, lexicon, translated_copying=strategy)
    torch.manual_seed(99)
    loaded = make_model(layout, None, translated_copying=strategy)
    with pytest.raises(ConfigError, match="--lexicon"):
        probabilities(loaded)
    loaded.load_state_dict(trained.state_dict())
    assert torch.equal(probabilities(loaded), probabilities(trained))


@pytest.mark.parametrize("strategy", ["naive", "adaptive"])
@pytest.mark.parametrize("layout", [Layout.MCLAS, Layout.NCLS_MS])
def test_model_that_copies_is_a_start_and_the_lexicon_given_stays(
    layout: Layout, strategy: str, lexicon: Path
) -> None:
    summarizer = make_model(Layout.MS, None, translated_copying=None, copy_attention=True)
    model = make_model(layout, lexicon, translated_copying=strategy)
    with torch.no_grad():
        summarizer.decoder.copy_gate.projection.bias.fill_(3.0)
    model.load_state_dict(summarizer.state_dict())
    assert model.decoder.copy_gate.projection.bias.item() == 3.0
    assert not model.decoder.translations.empty


def test_settings_keep_the_strategy_and_never_the_file() -> None:
    given = {"translated_copying": "naive", "lexicon": "/etc/passwd", "copy_attention": True}
    assert settle("mclas_tiny", given) == {"translated_copying": "naive", "copy_attention": True}


def test_what_does_not_fit_is_refused(tmp_path: Path, lexicon: Path) -> None:
    with pytest.raises(ConfigError, match=r"--lexicon .* with --translated-copying only"):
        make_model(Layout.MCLAS, lexicon, translated_copying=None)
    with pytest.raises(ConfigError, match=r"--target-layout ms .* use --copy-attention"):
        make_model(Layout.MS, lexicon)
    french = write_lexicon(tmp_path / "fr.jsonl", "fr")
    with pytest.raises(ConfigError, match=r"\(en to de\), but they are en to fr; make"):
        make_model(Layout.MCLAS, french)
    with pytest.raises(ConfigError, match=r"\(en to de, en to fr\), but they are en to de; make"):
        make_model(Layout.MCLAS, lexicon, "de", "fr")
    foreign = write_lexicon(tmp_path / "other.jsonl", sha256="a" * 64)
    with pytest.raises(DataError, match=r"--lexicon .*other.jsonl: must be of the data-bin's dict"):
        make_model(Layout.MCLAS, foreign)
