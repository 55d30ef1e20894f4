"""Attention maps of all heads of fairseq's layers, of one teacher-forced pass.

fairseq returns the cross-attention of one decoder layer, averaged over heads, and nothing of
self-attention. Here each attention is asked for the weights of its heads while it runs: what a
head attends to before dropout, at each position of the target that is read.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Optional

import torch
from fairseq.modules import MultiheadAttention
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.heads.gates import unfused
from mclas_fairseq.modules.attention_heads import attentions

Maps = dict[str, Tensor]


@contextmanager
def captured(model: nn.Module, places: Optional[Collection[str]] = None) -> Iterator[Maps]:
    """Record attention inside the `with`.

    Args:
        model: of fairseq's layers.
        places: the attentions whose maps are wanted, as "decoder.0.self"; None: all of fairseq's
            that have heads. A pretrained encoder's fused attention has no maps to give.

    Yields:
        A dictionary that the next pass fills: by place, weights (B, H, T, S) of its heads in the
        order of `Attention.kept`, T positions that attend, S attended to. A second pass replaces
        them.

    Raises:
        ConfigError: a place is none of those.
    """
    found = {
        attention.place: attention
        for attention in attentions(model)
        if isinstance(attention.module, MultiheadAttention)
    }
    wanted = list(found) if places is None else list(places)
    for place in wanted:
        if place not in found:
            raise ConfigError(
                f"attention {place}: must be one of the model's that have maps, but those are"
                f" {', '.join(found)}; name others"
            )
    maps: Maps = {}
    with ExitStack() as stack:
        for place in wanted:
            module = found[place].module
            stack.enter_context(unfused(found[place]))
            ask = module.register_forward_pre_hook(_ask, with_kwargs=True)
            keep = module.register_forward_hook(_keep(place, maps))
            stack.callback(ask.remove)
            stack.callback(keep.remove)
        yield maps


@torch.no_grad()
def attention_maps(
    model: nn.Module, net_input: dict[str, Any], places: Optional[Collection[str]] = None
) -> Maps:
    """Maps of one teacher-forced pass of a batch, see `captured`; the model is left as it is.

    Args:
        model: its mode (training or evaluation) is its caller's choice.
        net_input: of a batch, as `forward` takes it.
        places: the attentions whose maps are wanted; None: all.
    """
    with captured(model, places) as maps:
        model(**net_input)
    return maps


def _ask(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    return args, {**kwargs, "need_weights": True, "need_head_weights": True}


def _keep(place: str, maps: Maps) -> Callable[..., None]:
    def keep(_: nn.Module, __: Any, output: tuple[Tensor, Tensor]) -> None:
        maps[place] = output[1].detach().transpose(0, 1)  # H x B x T x S -> B x H x T x S

    return keep
