"""Logits are computed for target tokens alone: the same loss and gradients as with all of them."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.distributed.module_proxy_wrapper import ModuleProxyWrapper
from torch import Tensor, nn

from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.summarization import two_decoders as two
from mclas_fairseq.summarization.cross_entropy import SummaryCrossEntropy
from mclas_fairseq.summarization.decoder import SummaryDecoder
from mclas_fairseq.summarization.model import MclasModel, mclas_tiny
from mclas_fairseq.vhm.elbo import VhmElbo
from tests.vhm.conftest import SIZES, VhmWorld

WORLD = VhmWorld()
Terms = tuple[Tensor, dict[str, Any], list[Tensor | None]]


@pytest.fixture
def projected(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Shapes of what goes through the output projection, without its last dimension."""
    shapes: list[tuple[int, ...]] = []
    project = SummaryDecoder.output_layer

    def recorded(self: SummaryDecoder, features: Tensor) -> Any:
        shapes.append(tuple(features.shape[:-1]))
        return project(self, features)

    monkeypatch.setattr(SummaryDecoder, "output_layer", recorded)
    return shapes


def summary_masks(target: Tensor) -> dict[str, Tensor]:
    """As if the first two tokens of each target were its `S^A`."""
    first = (torch.arange(target.size(1)) < 2).expand_as(target)
    return {"ms": first, "cls": ~first}


def summarizer(layout: Layout, *, copying: bool) -> Any:
    torch.manual_seed(4)
    task: Any = SimpleNamespace(
        source_dictionary=WORLD.dictionary,
        target_dictionary=WORLD.dictionary,
        dictionary_sha256=dictionary_fingerprint(WORLD.dictionary),
        max_positions=lambda: (64, 64),
        layout=layout,
        summary_masks=summary_masks,
    )
    args = SimpleNamespace(dropout=0.0, copy_attention=copying)
    for side in ("encoder", "decoder"):
        for name, value in SIZES.items():
            setattr(args, f"{side}_{name}", value)
    given: Any = args
    if layout is Layout.NCLS_MS:
        two.ncls_ms_tiny(given)
        return two.NclsMsModel.build_model(given, task), task
    mclas_tiny(given)
    return MclasModel.build_model(given, task), task


def batch(layout: Layout) -> Mapping[str, Any]:
    made = WORLD.batch()
    if layout is Layout.NCLS_MS:
        other = WORLD.batch(seed=9, lengths=(3, 9, 2))
        made["ms_target"] = other["target"]
        made["net_input"]["ms_prev_output_tokens"] = other["net_input"]["prev_output_tokens"]
        made["ntokens"] += other["ntokens"]
    return made


def terms(criterion: Any, model: Any, sample: Any) -> Terms:
    model.zero_grad()
    loss, _, log = criterion(model, sample)
    loss.backward()
    return loss, log, [weight.grad for weight in model.parameters()]


def assert_same(found: Terms, expected: Terms) -> None:
    torch.testing.assert_close(found[0], expected[0])
    assert found[1].keys() == expected[1].keys()
    for name, value in expected[1].items():
        assert float(found[1][name]) == pytest.approx(float(value), rel=1e-5, abs=1e-6)
    for own, other in zip(found[2], expected[2], strict=True):
        torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("copying", [False, True])
@pytest.mark.parametrize("layout", [Layout.MCLAS, Layout.NCLS_MS])
def test_loss_and_gradients_of_summaries_are_the_same(
    layout: Layout,
    copying: bool,
    projected: list[tuple[int, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, task = summarizer(layout, copying=copying)
    criterion, sample = SummaryCrossEntropy(task, False, 0.1), batch(layout)
    targets = [sample[name] for name in ("target", "ms_target") if name in sample]
    found = terms(criterion, model, sample)
    assert projected == [(int(target.ne(1).sum()),) for target in targets]
    assert any(target.eq(1).any() for target in targets), "nothing would be left out"
    projected.clear()
    monkeypatch.setattr(MclasModel, "takes_target_mask", False)
    assert_same(found, terms(criterion, model, sample))
    assert projected == [tuple(target.shape) for target in targets]


def test_wrapped_for_several_processes_it_is_still_told(
    projected: list[tuple[int, ...]],
) -> None:
    class Parallel(nn.Module):
        """As torch's: the model is its part `module`."""

        def __init__(self, module: nn.Module):
            super().__init__()
            self.module = module

        def forward(self, *args: Any, **options: Any) -> Any:
            return self.module(*args, **options)

    model, task = summarizer(Layout.MCLAS, copying=True)
    sample = WORLD.batch()
    SummaryCrossEntropy(task, False, 0.1)(ModuleProxyWrapper(Parallel(model)), sample)
    assert projected == [(sample["ntokens"],)]


@pytest.mark.parametrize("options", [{"report_accuracy": True}, {"ignore_prefix_size": 1}])
def test_what_reads_all_logits_gets_them(
    options: dict[str, Any], projected: list[tuple[int, ...]]
) -> None:
    model, task = summarizer(Layout.MCLAS, copying=False)
    sample = WORLD.batch()
    SummaryCrossEntropy(task, False, 0.1, **options)(model, sample)
    assert projected == [tuple(sample["target"].shape)]


@pytest.mark.parametrize("arch", ["vhm_tiny", "mt_cls_tiny"])
def test_loss_and_gradients_of_all_tasks_are_the_same(
    arch: str, projected: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = ("mt", "cls") if arch == "mt_cls_tiny" else ("mt", "ms", "cls")
    model = WORLD.model(arch, tasks=tasks, copy_attention=True).train()
    criterion: VhmElbo = WORLD.criterion(label_smoothing=0.1)
    sample = WORLD.sample(tasks)
    found = terms(criterion, model, sample)
    assert projected == [(one["ntokens"],) for one in sample.values()]
    run = type(model).forward
    monkeypatch.setattr(
        type(model), "forward", lambda self, batches, noise, target_masks: run(self, batches, noise)
    )
    assert_same(found, terms(criterion, model, sample))
    assert projected[len(tasks) :] == [tuple(one["target"].shape) for one in sample.values()]
