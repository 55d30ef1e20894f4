"""Starting from mBART: a small checkpoint of its format gives fairseq's own numbers."""

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary
from fairseq.models.bart import model as bart_model
from fairseq.models.bart.model import BARTModel, mbart_large_architecture
from omegaconf import OmegaConf

from mclas_fairseq.checkpoints.mbart import copy_into, load_mbart_state, start_from_mbart
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.data.language_ids import CC25, MASK, LanguageIds, language_symbol
from mclas_fairseq.errors import CheckpointError, ConfigError, DataError
from mclas_fairseq.summarization.model import MclasModel, mclas_mbart
from mclas_fairseq.summarization.two_decoders import NclsMsModel, ncls_ms_mbart

CODES = ("de_DE", "en_XX", "zh_CN")
PIECES = 30
POSITIONS = 24
SMALL = {
    **{f"{side}_layers": 2 for side in ("encoder", "decoder")},
    **{f"{side}_embed_dim": 16 for side in ("encoder", "decoder")},
    **{f"{side}_ffn_embed_dim": 32 for side in ("encoder", "decoder")},
    **{f"{side}_attention_heads": 2 for side in ("encoder", "decoder")},
}
NORMS = {"encoder_normalize_before": True, "decoder_normalize_before": True}


def mbart_dictionary(codes: tuple[str, ...] = CODES, pieces: int = PIECES) -> Dictionary:
    dictionary = Dictionary()
    for number in range(pieces):
        dictionary.add_symbol(f"p{number}")
    for code in codes:
        dictionary.add_symbol(language_symbol(code))
    dictionary.add_symbol(MASK)
    return dictionary


def our_dictionary(*extra: str, codes: tuple[str, ...] = CODES) -> Dictionary:
    dictionary = mbart_dictionary(codes)
    for symbol in extra or ("[LSEP]",):
        dictionary.add_symbol(symbol)
    return dictionary


def build_mbart(dictionary: Dictionary, **options: Any) -> Any:
    """Build fairseq's own model, with weights that are all different from what they start with."""
    sizes = {**SMALL, "max_source_positions": POSITIONS, "max_target_positions": POSITIONS}
    args = Namespace(**{**sizes, **NORMS, "dropout": 0.0, **options}, task="multilingual_denoising")
    mbart_large_architecture(args)
    task: Any = SimpleNamespace(source_dictionary=dictionary, target_dictionary=dictionary)
    return args, BARTModel.build_model(args, task)


@pytest.fixture(scope="module")
def mbart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A checkpoint in the old format, as cc25 is, and the model that is in it."""
    torch.manual_seed(5)
    args, model = build_mbart(mbart_dictionary())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    args.langs = ",".join(CODES)
    path = tmp_path_factory.mktemp("mbart") / "model.pt"
    state = {"args": args, "model": model.state_dict(), "extra_state": {}, "optimizer_history": []}
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path, model.eval()


def build_ours(dictionary: Dictionary, kind: Any = MclasModel, **options: Any) -> Any:
    torch.manual_seed(6)
    args = Namespace(**{**SMALL, "dropout": 0.0, **options})
    (ncls_ms_mbart if kind is NclsMsModel else mclas_mbart)(args)
    positions = options.get("positions", POSITIONS)
    task = SimpleNamespace(
        source_dictionary=dictionary,
        target_dictionary=dictionary,
        dictionary_sha256=dictionary_fingerprint(dictionary),
        layout="ncls_ms" if kind is NclsMsModel else "mclas",
        max_positions=lambda: (positions, positions),
    )
    return kind.build_model(args, task).eval()


def source(dictionary: Dictionary) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two documents with mBART's endings, padded on the left, and decoder inputs."""
    pad, eos = dictionary.pad(), dictionary.eos()
    english, german = (dictionary.index(language_symbol(code)) for code in ("en_XX", "de_DE"))
    tokens = torch.tensor([[pad, pad, 5, 6, 7, eos, english], [8, 9, 10, 11, 12, eos, english]])
    prev = torch.tensor([[german, 13, 14, 15], [german, 16, 17, 18]])
    return tokens, torch.tensor([5, 7]), prev


def test_output_is_that_of_fairseqs_own_mbart(mbart: tuple[Path, Any]) -> None:
    dictionary = our_dictionary("[LSEP]", "<CLS>")
    path, theirs = mbart
    ours = build_ours(dictionary)
    copy_into(ours, load_mbart_state(path), dictionary)
    inputs = source(dictionary)
    entries = LanguageIds.find(dictionary)
    assert entries is not None
    found, expected = ours(*inputs)[0], theirs(*inputs)[0]
    assert found.shape[-1] == len(dictionary) == entries.pieces + 2
    torch.testing.assert_close(found[..., : entries.pieces], expected, atol=1e-5, rtol=0.0)
    encoded = [model.encoder(inputs[0], inputs[1])["encoder_out"][0] for model in (ours, theirs)]
    torch.testing.assert_close(*encoded, atol=1e-5, rtol=0.0)


def test_both_decoders_of_two_start_from_mbarts(mbart: tuple[Path, Any]) -> None:
    dictionary = our_dictionary()
    path, theirs = mbart
    ours = build_ours(dictionary, NclsMsModel)
    copy_into(ours, load_mbart_state(path), dictionary)
    tokens, lengths, prev = source(dictionary)
    logits, extra = ours(tokens, lengths, prev, prev.flip(0))
    expected = theirs(tokens, lengths, prev)[0]
    size = expected.size(-1)
    torch.testing.assert_close(logits[..., :size], expected, atol=1e-5, rtol=0.0)
    expected = theirs(tokens, lengths, prev.flip(0))[0]
    torch.testing.assert_close(extra["ms"][0][..., :size], expected, atol=1e-5, rtol=0.0)
    assert ours.ms_decoder.embed_tokens.weight is ours.decoder.embed_tokens.weight
    assert ours.ms_decoder.layers[0].fc1.weight is not ours.decoder.layers[0].fc1.weight


def test_new_rows_are_those_of_what_they_stand_for(mbart: tuple[Path, Any]) -> None:
    dictionary = our_dictionary("[LSEP]", "[LSEP:de]", "[LSEP:zh]", "<MT>", "<MS>")
    path, theirs = mbart
    ours = build_ours(dictionary)
    copy_into(ours, load_mbart_state(path), dictionary)
    rows = ours.encoder.embed_tokens.weight
    assert rows is ours.decoder.output_projection.weight
    old = theirs.encoder.embed_tokens.weight

    def row(symbol: str) -> torch.Tensor:
        found: torch.Tensor = rows[dictionary.index(symbol)]
        return found

    assert torch.equal(rows[: len(old)], old)
    assert torch.equal(row("[LSEP]"), old[dictionary.eos()])
    assert torch.equal(row("[LSEP:de]"), old[dictionary.index("[de_DE]")])
    assert torch.equal(row("[LSEP:zh]"), old[dictionary.index("[zh_CN]")])
    assert not torch.equal(row("<MT>"), row("<MS>"))
    spread = (row("<MT>") - old[dictionary.nspecial :].mean(0)).detach().std() / old.detach().std()
    assert 0.3 < float(spread) < 3


def test_shorter_position_tables_take_the_first_positions(mbart: tuple[Path, Any]) -> None:
    dictionary = our_dictionary()
    path, theirs = mbart
    ours = build_ours(dictionary, positions=10)
    copy_into(ours, load_mbart_state(path), dictionary)
    assert ours.encoder.embed_positions.weight.size(0) == 10 + dictionary.pad() + 1
    inputs = source(dictionary)
    expected = theirs(*inputs)[0]
    found = ours(*inputs)[0][..., : expected.size(-1)]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0.0)


def test_checkpoint_without_version_and_output_projection_keeps_its_norms(
    mbart: tuple[Path, Any],
) -> None:
    dictionary = our_dictionary()
    path, theirs = mbart
    state = load_mbart_state(path)
    dropped = ("encoder.version", "decoder.version", "decoder.output_projection.weight")
    for name in dropped:
        state.weights.pop(name, None)
    ours = build_ours(dictionary)
    copy_into(ours, state, dictionary)
    assert ours.decoder.layer_norm is not None
    inputs = source(dictionary)
    expected = theirs(*inputs)[0]
    found = ours(*inputs)[0][..., : expected.size(-1)]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0.0)


@pytest.mark.parametrize("hydra", [False, True])
def test_option_is_emptied_so_that_checkpoints_do_not_need_the_file(
    mbart: tuple[Path, Any], hydra: bool
) -> None:
    dictionary = our_dictionary()
    model, given = build_ours(dictionary), {"init_from_mbart": str(mbart[0])}
    args: Any = OmegaConf.create(given) if hydra else Namespace(**given)
    start_from_mbart(model, args, dictionary)
    assert args.init_from_mbart is None
    name = "encoder.layers.0.fc1.weight"
    assert torch.equal(model.state_dict()[name], mbart[1].state_dict()[name])
    start_from_mbart(model, Namespace(), dictionary)  # nothing is asked for


# -- what does not fit -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder_layers": 3}, "it has no encoder.layers.2.* give --arch mclas_mbart"),
        ({"decoder_layers": 1}, "it has decoder.layers.1.*, which the model has not"),
        (
            {"encoder_ffn_embed_dim": 64},
            r"encoder.layers.0.fc1.weight is \(32, 16\) there and \(64, 16\) in the model",
        ),
        (
            {"positions": POSITIONS + 8},
            r"embed_positions.weight is \(26, 16\) there and \(34, 16\) .* at most mBART's",
        ),
    ],
)
def test_other_sizes_are_refused_saying_which(
    mbart: tuple[Path, Any], options: dict[str, Any], message: str
) -> None:
    dictionary = our_dictionary()
    with pytest.raises(CheckpointError, match=message):
        copy_into(build_ours(dictionary, **options), load_mbart_state(mbart[0]), dictionary)


def test_dictionary_of_another_size_or_kind_is_refused(mbart: tuple[Path, Any]) -> None:
    state = load_mbart_state(mbart[0])
    short = our_dictionary(codes=CODES[:2])
    with pytest.raises(CheckpointError, match=r"must have the 37 dictionary entries .* it has 38"):
        copy_into(build_ours(short), state, short)
    turned = our_dictionary(codes=("en_XX", "de_DE", "zh_CN"))
    with pytest.raises(CheckpointError, match="en_XX,de_DE,zh_CN.*, they are de_DE,en_XX,zh_CN"):
        copy_into(build_ours(turned), state, turned)
    plain = Dictionary()
    for number in range(40):
        plain.add_symbol(f"p{number}")
    with pytest.raises(ConfigError, match="make it with mclas prepare --mbart"):
        copy_into(build_ours(plain), state, plain)


def test_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"model": {"weight": torch.zeros(2)}}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match=r"needs weights of fairseq's mBART.*give the model"):
        load_mbart_state(tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match=r"missing\.pt"):
        load_mbart_state(tmp_path / "missing.pt")


def test_format_is_old_and_passes_the_safe_loader(mbart: tuple[Path, Any]) -> None:
    state = load_checkpoint(mbart[0])
    assert isinstance(state["args"], Namespace)
    assert load_mbart_state(mbart[0]).languages == CODES


def test_language_ids_follow_the_language_of_records() -> None:
    ids = LanguageIds.find(our_dictionary())
    assert ids is not None
    assert [ids.number(language) for language in ("de", "en", "zh-Hant")] == [34, 35, 36]
    with pytest.raises(DataError, match="language fr: mBART must have an id for it"):
        ids.number("fr")
    assert LanguageIds.find(Dictionary()) is None


# -- the published size ----------------------------------------------------------------------------


def test_published_size_has_as_many_parameters_as_fairseqs_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bart_model, "init_bert_params", lambda module: None)  # it needs values
    dictionary = mbart_dictionary(tuple(CC25), pieces=249_997)
    # 250,027 entries; transformers' mbart-large-cc25 counts 610,851,840 parameters as well.
    with torch.device("meta"):
        args = Namespace(**NORMS, task="multilingual_denoising")
        mbart_large_architecture(args)
        task: Any = SimpleNamespace(source_dictionary=dictionary, target_dictionary=dictionary)
        theirs = BARTModel.build_model(args, task)
        own_args = Namespace()
        mclas_mbart(own_args)
        dictionary.add_symbol("[LSEP]")
        ours = MclasModel.build_model(
            own_args,
            SimpleNamespace(
                source_dictionary=dictionary,
                target_dictionary=dictionary,
                dictionary_sha256="0" * 64,
                layout="mclas",
                max_positions=lambda: (1024, 1024),
            ),
        )
    assert sum(each.numel() for each in theirs.parameters()) == 610_851_840
    assert sum(each.numel() for each in ours.parameters()) == 610_851_840 + 1024
    shapes = {name: value.shape for name, value in theirs.state_dict().items()}
    own = {name: value.shape for name, value in ours.state_dict().items()}
    grown = {name for name in shapes if shapes[name] != own[name]}
    assert all("embed_tokens" in name or "output_projection" in name for name in grown)
