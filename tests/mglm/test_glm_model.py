"""mGLM: two passes of one stack are the one masked pass of the paper."""

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary
from torch import Tensor

from mclas_fairseq.errors import CheckpointError, ConfigError, DataError
from mclas_fairseq.mglm.model import (
    GlmModel,
    glm_base,
    glm_small,
    glm_tiny,
    mglm_large,
)
from tests.mglm.small import (
    SYMBOLS,
    make_dictionary,
    make_model,
    make_task,
    one_pass,
    pad_rows,
)

C, M, SOP = SYMBOLS.cls, SYMBOLS.mask, SYMBOLS.sop
PAD = SYMBOLS.pad
# The example of the paper's layout: spans {x3}, {x5, x6} of x1..x6, written last span first; and a
# shorter text with one span.
TEXTS = [torch.tensor([C, 4, 5, M, 7, M]), torch.tensor([C, 10, M, 11])]
SPANS = [torch.tensor([SOP, 8, 9, SOP, 6]), torch.tensor([SOP, 12, 13])]
POS1 = [torch.tensor([5, 5, 5, 3, 3]), torch.tensor([2, 2, 2])]
POS2 = [torch.tensor([1, 2, 3, 1, 2]), torch.tensor([1, 2, 3])]


def batch(left: bool = False) -> dict[str, Tensor]:
    return {
        "src_tokens": pad_rows(TEXTS, PAD, left),
        "src_lengths": torch.tensor([6, 4]),
        "prev_output_tokens": pad_rows(SPANS, PAD),
        "tgt_pos1": pad_rows(POS1, 0),
        "tgt_pos2": pad_rows(POS2, 0),
    }


def expected(model: Any, row: int) -> Tensor:
    return one_pass(model, TEXTS[row], SPANS[row], POS1[row], POS2[row])


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_two_passes_are_one_masked_pass(dtype: torch.dtype, atol: float, left: bool) -> None:
    model = make_model().to(dtype)
    logits, _ = model(**batch(left))
    for row, span in enumerate(SPANS):
        found = logits[row, : span.numel()]
        torch.testing.assert_close(found, expected(model, row), atol=atol, rtol=atol)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_token_by_token_is_one_masked_pass(dtype: torch.dtype, atol: float, left: bool) -> None:
    model = make_model().to(dtype)
    given = batch(left)
    encoder_out = model.encoder(given["src_tokens"])
    state: dict[str, Any] = {}
    for step in range(5):
        logits, _ = model.decoder(
            given["prev_output_tokens"][:, : step + 1],
            encoder_out=encoder_out,
            incremental_state=state,
            tgt_pos1=given["tgt_pos1"][:, : step + 1],
            tgt_pos2=given["tgt_pos2"][:, : step + 1],
        )
        assert logits.size(1) == 1
        for row, span in enumerate(SPANS):
            if step < span.numel():
                wanted = expected(model, row)[step]
                torch.testing.assert_close(logits[row, 0], wanted, atol=atol, rtol=atol)


def test_several_tokens_at_once_are_as_one_by_one() -> None:
    model = make_model()
    given = batch()
    names = ("tgt_pos1", "tgt_pos2")
    encoder_out = model.encoder(given["src_tokens"])
    full, _ = model(**given)
    state: dict[str, Any] = {}
    seen = []
    for upto in (2, 5):
        positions = {name: given[name][:, :upto] for name in names}
        prefix = given["prev_output_tokens"][:, :upto]
        seen.append(model.decoder(prefix, encoder_out, state, **positions)[0])
    torch.testing.assert_close(torch.cat(seen, dim=1)[0], full[0], atol=1e-5, rtol=1e-5)


def test_the_document_is_blind_to_what_is_written_and_nothing_sees_what_follows() -> None:
    # In the one masked pass, and by gradients in the two passes.
    model = make_model()
    other = SPANS[0].clone()
    other[1] = 15
    ours = one_pass(model, TEXTS[0], SPANS[0], POS1[0], POS2[0], states=True)
    theirs = one_pass(model, TEXTS[0], other, POS1[0], POS2[0], states=True)
    assert torch.equal(ours[: TEXTS[0].numel()], theirs[: TEXTS[0].numel()])
    read: list[Tensor] = []
    embedding = model.stack.embed_tokens

    def keep(_: Any, __: Any, output: Tensor) -> None:
        output.retain_grad()
        read.append(output)

    handle = embedding.register_forward_hook(keep)
    given = {name: one[:1] for name, one in batch().items()}
    for step in range(5):
        read.clear()
        logits, _ = model(**given)
        logits[0, step].square().sum().backward()
        document, written = read
        assert document.grad is not None
        assert written.grad is not None
        assert bool(document.grad[0].abs().sum(-1).gt(0).all())  # all of A, in both directions
        assert bool(written.grad[0, : step + 1].abs().sum(-1).gt(0).all())
        assert not written.grad[0, step + 1 :].any()
    handle.remove()


def test_padding_changes_nothing() -> None:
    model = make_model()
    given = batch()
    with torch.no_grad():
        logits, _ = model(**given)
        model.stack.embed_tokens.weight[PAD] = 5.0
        after, _ = model(**given)
    # The column of padding aside, whose logit is a product with that row.
    kept = [index for index in range(logits.size(-1)) if index != PAD]
    assert torch.equal(logits[1, :3, kept], after[1, :3, kept])


def test_a_batch_of_one_is_a_row_of_a_batch() -> None:
    model = make_model()
    whole, _ = model(**batch())
    for row in range(2):
        length, written = TEXTS[row].numel(), SPANS[row].numel()
        given = {name: one[row : row + 1] for name, one in batch().items()}
        given["src_tokens"] = given["src_tokens"][:, :length]
        cut = {n: given[n][:, :written] for n in ("prev_output_tokens", "tgt_pos1", "tgt_pos2")}
        alone, _ = model(**{**given, **cut})
        torch.testing.assert_close(alone[0], whole[row, :written], atol=1e-5, rtol=1e-5)


def test_the_length_of_a_span_moves_nothing_behind_its_blank() -> None:
    # Positions in the text count the blank as one, whatever it stands for.
    model = make_model()
    text = TEXTS[1][None]
    short, _ = model(text, None, torch.tensor([[SOP, 12]]))
    long, _ = model(text, None, torch.tensor([[SOP, 12, 13, 4, 5]]))
    torch.testing.assert_close(short[0], long[0, :2], atol=1e-5, rtol=1e-5)


def test_without_positions_what_is_written_stands_at_the_blank() -> None:
    model = make_model()
    logits, _ = model(TEXTS[1][None], None, SPANS[1][None])
    torch.testing.assert_close(logits[0], expected(model, 1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("text", [TEXTS[0], torch.tensor([C, 4, 5])])
def test_a_text_whose_blank_is_not_clear_is_refused(text: Tensor) -> None:
    model = make_model()
    both = pad_rows([TEXTS[1], text], PAD)
    message = r"document 1 of the batch: it must hold one of \[MASK\].* none or several; check"
    with pytest.raises(DataError, match=message):
        model(both, None, torch.tensor([[SOP], [SOP]]))
    with pytest.raises(DataError, match=message):
        model.encoder.forward_torchscript({"src_tokens": both})


def test_the_paper_model_has_exactly_the_papers_parameters() -> None:
    args = Namespace()
    mglm_large(args)
    task = make_task(make_dictionary())
    task.source_dictionary = _Sized(task.source_dictionary, 250_112)
    with torch.device("meta"):
        model = GlmModel.build_model(args, task)
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_067_280_384


class _Sized:
    """A dictionary that says it has more entries."""

    def __init__(self, dictionary: Dictionary, size: int):
        self._dictionary, self._size = dictionary, size

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dictionary, name)

    def __len__(self) -> int:
        return self._size


@pytest.mark.parametrize(
    ("architecture", "layers", "width", "heads"),
    [(glm_tiny, 2, 128, 4), (glm_small, 6, 256, 4), (glm_base, 12, 768, 12)],
)
def test_architectures_set_sizes_and_keep_what_the_user_gave(
    architecture: Any, layers: int, width: int, heads: int
) -> None:
    args = Namespace(stack_layers=None, dropout=0.0)
    architecture(args)
    assert (args.stack_layers, args.stack_embed_dim, args.stack_attention_heads) == (
        *(layers, width, heads),
    )
    assert (args.stack_ffn_embed_dim, args.stack_positions) == (4 * width, 1025)
    assert (args.dropout, args.attention_dropout) == (0.0, 0.1)


def test_weights_start_as_the_paper_has_them() -> None:
    torch.manual_seed(1)
    args = Namespace(stack_layers=8, stack_embed_dim=64)
    glm_tiny(args)
    stack: Any = GlmModel.build_model(args, make_task(make_dictionary())).stack
    layer = stack.layers[3].requires_grad_(False)
    assert float(layer.fc1.weight.std()) == pytest.approx(0.02, rel=0.05)
    assert float(layer.fc2.weight.std()) == pytest.approx(0.005, rel=0.05)
    assert float(layer.attention.out.weight.std()) == pytest.approx(0.005, rel=0.05)
    assert float(layer.attention.qkv.weight.std()) == pytest.approx(0.02, rel=0.05)
    assert not layer.attention.qkv.bias.any()
    assert bool(layer.ffn_norm.weight.eq(1).all())
    assert not stack.embed_tokens.weight[PAD].any()


def test_embedding_and_output_projection_are_one_parameter_of_one_stack() -> None:
    model = make_model()
    assert model.decoder.output_projection.weight is model.stack.embed_tokens.weight
    assert not list(model.encoder.parameters())
    assert not list(model.decoder.parameters())
    assert model.half().decoder.output_projection.weight is model.stack.embed_tokens.weight


def test_a_saved_model_is_the_same_when_loaded(tmp_path: Path) -> None:
    model, other = make_model(), make_model(seed=8)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    assert not torch.equal(model(**batch())[0], other(**batch())[0])
    other.load_state_dict(torch.load(tmp_path / "model.pt"))
    assert torch.equal(model(**batch())[0], other(**batch())[0])
    assert other.decoder.output_projection.weight is other.stack.embed_tokens.weight


def test_a_checkpoint_of_another_dictionary_is_refused() -> None:
    state = make_model().state_dict()
    state["dictionary_fingerprint"] = state["dictionary_fingerprint"] + 1
    with pytest.raises(CheckpointError, match="trained with another dictionary"):
        make_model().load_state_dict(state)


def test_unfit_tasks_dictionaries_and_sizes_are_refused() -> None:
    args = Namespace(stack_attention_heads=3)
    glm_tiny(args)
    with pytest.raises(ConfigError, match=r"--stack-attention-heads 3: it must divide .* 128"):
        GlmModel.build_model(args, make_task(make_dictionary()))
    with pytest.raises(DataError, match=r"needs the entries \[CLS\] .* it lacks \[CLS\] \[SEP\]"):
        GlmModel.build_model(args, make_task(Dictionary()))
    with pytest.raises(ConfigError, match="task given is SimpleNamespace; give such a task"):
        GlmModel.build_model(args, SimpleNamespace(source_dictionary=make_dictionary()))


def test_training_drops_out_and_reaches_every_weight() -> None:
    model = make_model(dropout=0.5, attention_dropout=0.5).train()
    torch.manual_seed(1)
    first, _ = model(**batch())
    second, _ = model(**batch())
    assert not torch.equal(first, second)
    second.square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
