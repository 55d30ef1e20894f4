"""A number for each head, by which its context is multiplied: 1 as it is, 0 without the head.

The gate stands between a head's context and the output projection, so that a head at 0 gives
exactly what a model without that head gives (`modules/attention_heads.py`). The gradient of a loss
by a gate at 1 is the head's importance (Michel et al. 2019, "Are Sixteen Heads Really Better than
One?", section 4.1); by a gate an example it is known of each example of a batch at once.

fairseq's fused attention bypasses the module of the output projection; inside a `with` of ours the
other path is taken, which is the one that incremental decoding takes anyway.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from fairseq.modules import MultiheadAttention
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.modules.attention_heads import Attention, attentions, split_name

# Place and contexts (T, B, H, D) of its heads -> what goes on in their place.
Transform = Callable[[str, Tensor], Tensor]


@contextmanager
def watched(model: nn.Module, transform: Transform) -> Iterator[None]:
    """Pass the contexts of all heads of a model through a function, inside the `with`.

    Args:
        model: whose attentions are found by `attentions`.
        transform: is given the place of an attention and the contexts (T, B, H, D) of its heads,
            in the order of `Attention.kept`, at every pass; what it returns goes on.
    """
    with ExitStack() as stack:
        for attention in attentions(model):
            if attention.kept:
                stack.enter_context(unfused(attention))
                hook = attention.output.register_forward_pre_hook(_hook(attention, transform))
                stack.callback(hook.remove)
        yield


@contextmanager
def gated(model: nn.Module, gates: Mapping[str, Tensor]) -> Iterator[None]:
    """Multiply the contexts of heads by gates, inside the `with`.

    Args:
        model: in full passes and in incremental decoding.
        gates: by place, one a head, shape (H,), or one an example and head, (B, H).

    Raises:
        ConfigError: there is no such place, or it has another number of heads.
    """
    have = {attention.place: len(attention.kept) for attention in attentions(model)}
    for place, gate in gates.items():
        if have.get(place) != gate.size(-1):
            rule = f"one for each of its {have[place]} heads" if place in have else "of a place of"
            what = "" if place in have else f" the model ({', '.join(have)})"
            raise ConfigError(
                f"gates of {place}: must be {rule}{what}, but are {gate.size(-1)}; take places and"
                " numbers from attentions(model)"
            )

    def multiply(place: str, contexts: Tensor) -> Tensor:
        # H -> 1 x H x 1, B x H -> B x H x 1, over T x B x H x D
        return contexts * gates[place].unsqueeze(-1) if place in gates else contexts

    with watched(model, multiply):
        yield


def gates_without(model: nn.Module, names: Sequence[str]) -> dict[str, Tensor]:
    """Gates at 0 for the named heads, 1 for the rest of their attentions.

    Raises:
        ConfigError: the model has no such head.
    """
    found = {attention.place: attention for attention in attentions(model)}
    gates: dict[str, Tensor] = {}
    for name in names:
        place, number = split_name(name)
        if place not in found or number not in found[place].kept:
            raise ConfigError(
                f"head {name}: must be one of the model's, but it has none of that name; mclas"
                " heads rank lists them"
            )
        weight: Any = found[place].output.weight
        gate = gates.setdefault(place, weight.new_ones(len(found[place].kept)))
        gate[found[place].kept.index(number)] = 0.0
    return gates


@contextmanager
def unfused(attention: Attention) -> Iterator[None]:
    """Keep fairseq's attention from torch's fused one, inside the `with`."""
    module = attention.module
    if not isinstance(module, MultiheadAttention):
        yield
        return
    before = module.skip_embed_dim_check
    module._set_skip_embed_dim_check()
    try:
        yield
    finally:
        module.skip_embed_dim_check = before


def _hook(attention: Attention, transform: Transform) -> Callable[..., Any]:
    def pass_on(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        joined: Tensor = inputs[0]
        # T x B x H*D (B x T x H*D in a pretrained encoder) -> T x B x H x D
        ordered = joined if attention.of_fairseq else joined.transpose(0, 1)
        contexts = ordered.unflatten(-1, (len(attention.kept), attention.head_dim))
        changed = transform(attention.place, contexts).flatten(-2)
        return (changed if attention.of_fairseq else changed.transpose(0, 1), *inputs[1:])

    return pass_on
