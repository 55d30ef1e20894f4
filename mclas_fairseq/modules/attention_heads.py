"""The attention heads of a model: their names, where they are, and models without some of them.

A head's name says where it is and which it is: `encoder.0.self.3`, `decoder.2.cross.0`; a second
decoder has its own (`ms_decoder.0.self.1`, `other_decoders.ms.0.cross.2`). Numbers are those that
the model had at first: what is left keeps its name when others are taken out.

Taking a head out means to take its rows of the projections of queries, keys and values (weights
and biases) and its columns of the output projection. The size of a head and the scale of its
scores stay. An attention without any head adds the bias of its output projection, and no more.
fairseq can take the same number of heads of each layer of RoBERTa (`_adaptive_prune_heads`); here
it is any number of any attention, of fairseq's layers and of a pretrained encoder's.

Place in the pipeline: models are built through `take_out`; `heads/` gates, watches and ranks.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import torch
from fairseq.modules import MultiheadAttention
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError

_FAIRSEQ = re.compile(r"(.+)\.layers\.(\d+)\.(self_attn|encoder_attn)")
_PRETRAINED = re.compile(r"(encoder)\.model\.encoder\.layer\.(\d+)\.attention")
_KINDS = {"self_attn": "self", "encoder_attn": "cross", None: "self"}
_HEAD = re.compile(r"([A-Za-z0-9_.]+\.\d{1,4}\.(?:self|cross))\.(\d{1,4})")
# Attribute of an attention that has lost heads: the numbers of those that are left.
_KEPT = "kept_heads"


class HeadlessAttention(nn.Module):
    """What is left of fairseq's attention without heads: the bias of its output projection."""

    num_heads = 0
    kept_heads: tuple[int, ...] = ()

    def __init__(self, bias: nn.Parameter):
        super().__init__()
        self.out_proj = nn.Module()  # the bias has the name that it had
        self.out_proj.register_parameter("bias", bias)

    def forward(
        self,
        query: Tensor,
        key: Optional[Tensor] = None,
        need_weights: bool = True,
        need_head_weights: bool = False,
        **_: Any,
    ) -> tuple[Tensor, Optional[Tensor]]:
        """Return the bias at each position of query (T, B, C), and attention to nothing.

        Its weights are zeros: (B, T, S), or (1, B, T, S) where those of each head are wanted.
        """
        bias: Any = self.out_proj.bias
        out = bias.expand_as(query)
        if not (need_weights or need_head_weights):
            return out, None
        keys = len(query) if key is None else len(key)
        weights = query.new_zeros(query.size(1), len(query), keys)
        return out, weights.unsqueeze(0) if need_head_weights else weights

    def _get_input_buffer(self, _: Any) -> dict[str, Optional[Tensor]]:
        """Nothing is kept between the steps of a search; fairseq's layers ask."""
        return {}


class _NoContext(nn.Module):
    """In the place of a pretrained encoder's heads: the context of none of them."""

    def forward(self, hidden_states: Tensor, **_: Any) -> tuple[Tensor, None]:
        """(B, T, C) -> (B, T, 0)."""
        return hidden_states[..., :0], None


@dataclass(frozen=True, eq=False)
class Attention:
    """One attention of a model.

    Attributes:
        place: its name, as in "decoder.2.cross".
        path: of its module in the model.
        module: fairseq's attention, or that of a layer of a pretrained encoder.
        kept: numbers of its heads, as the model had them at first.
        head_dim: size of a head's context.
    """

    place: str
    path: str
    module: Any
    kept: tuple[int, ...]
    head_dim: int

    @property
    def of_fairseq(self) -> bool:
        """Whether it is fairseq's, contexts (T, B, C), or a pretrained encoder's, (B, T, C)."""
        return isinstance(self.module, (MultiheadAttention, HeadlessAttention))

    @property
    def names(self) -> list[str]:
        """Names of its heads."""
        return [f"{self.place}.{number}" for number in self.kept]

    @property
    def output(self) -> Any:
        """The layer that takes the contexts of all heads, side by side."""
        return self.module.out_proj if self.of_fairseq else self.module.output.dense

    @property
    def inputs(self) -> list[Any]:
        """The layers that make queries, keys and values, head by head."""
        if self.of_fairseq:
            return [self.module.q_proj, self.module.k_proj, self.module.v_proj]
        own = self.module.self
        return [own.query, own.key, own.value]


def attentions(model: nn.Module) -> list[Attention]:
    """The attentions of a model, encoder first, layer by layer."""
    return list(_find(model))


def head_names(model: nn.Module) -> list[str]:
    """Names of all heads of a model, in the order of `attentions`."""
    return [name for attention in attentions(model) for name in attention.names]


def split_name(name: str) -> tuple[str, int]:
    """Place and number of a head.

    Raises:
        ConfigError: it is no head's name.
    """
    match = _HEAD.fullmatch(name)
    if match is None:
        raise ConfigError(
            f"head {name!r:.60}: a name must say place and number, as encoder.0.self.3 and"
            " decoder.2.cross.0 do; give names as mclas heads rank writes them"
        )
    return match[1], int(match[2])


def place_of_weight(name: str) -> Optional[tuple[str, str]]:
    """Place of the attention whose output projection's bias has this name, and its path.

    None where it is another weight.
    """
    path = name.removesuffix(".out_proj.bias").removesuffix(".output.dense.bias")
    place = None if path == name else _place(path)
    return None if place is None else (place, path)


def pointing_places(model: nn.Module) -> set[str]:
    """Places of the attentions whose first head says what is copied from the document.

    Without that head another one would point, elsewhere: no gate on its context does that.
    """
    places = set()
    for path, module in model.named_modules():
        decoder: Any = module
        if getattr(decoder, "copy_gate", None) is not None:
            places.add(f"{path}.{len(decoder.layers) - 1}.cross")
    return places


def take_out(model: nn.Module, names: Sequence[str]) -> None:
    """Take heads out of a model, in place.

    Args:
        model: of fairseq's layers, or with a pretrained encoder. Where it has a weight, that of
            the heads that stay is kept.
        names: of the heads, in any order.

    Raises:
        ConfigError: the model has no such head, or one is named twice, or needed for copying.
    """
    for attention, lost in with_named(model, names):
        stay = [place for place, number in enumerate(attention.kept) if number not in lost]
        _slice(model, attention, stay)


def with_named(model: nn.Module, names: Sequence[str]) -> list[tuple[Attention, set[int]]]:
    """The attentions of a model that have named heads, each with the numbers of those.

    Raises:
        ConfigError: see `take_out`.
    """
    found = attentions(model)
    have = {attention.place: attention.kept for attention in found}
    chosen = choose(have, names, pointing_places(model))
    return [(one, chosen[one.place]) for one in found if chosen.get(one.place)]


def choose(
    have: Mapping[str, Sequence[int]], names: Sequence[str], pointing: Collection[str]
) -> dict[str, set[int]]:
    """Numbers of the named heads by place, checked to be heads of a model.

    Args:
        have: numbers of the model's heads by place.
        names: of heads.
        pointing: places whose first head must stay, see `pointing_places`.

    Raises:
        ConfigError: see `take_out`.
    """
    chosen: dict[str, set[int]] = {}
    for name in names:
        place, number = split_name(name)
        if number not in have.get(place, ()):
            shown = [f"{at} has {_shown(numbers)}" for at, numbers in have.items() if at == place]
            raise ConfigError(
                f"head {name}: must be one of the model's, but"
                f" {shown[0] if shown else 'its attentions are ' + ', '.join(have)}; name others"
            )
        if number in chosen.setdefault(place, set()):
            raise ConfigError(f"head {name}: must be named once, but is named twice; drop one")
        if place in pointing and number == have[place][0]:
            raise ConfigError(
                f"head {name}: must stay, as it points at what the model copies from the document"
                " (--copy-attention); name others"
            )
        chosen[place].add(number)
    return chosen


def _shown(numbers: Sequence[int]) -> str:
    return f"heads {', '.join(map(str, numbers))}" if numbers else "none left"


def _place(path: str) -> Optional[str]:
    match = _FAIRSEQ.fullmatch(path) or _PRETRAINED.fullmatch(path)
    if match is None:
        return None
    kind = match[3] if match.re is _FAIRSEQ else None
    return f"{match[1]}.{int(match[2])}.{_KINDS[kind]}"


def _find(model: nn.Module) -> Iterator[Attention]:
    for path, module in model.named_modules():
        place = _place(path)
        if place is None:
            continue
        if isinstance(module, (MultiheadAttention, HeadlessAttention)):
            heads, size = module.num_heads, getattr(module, "head_dim", 0)
        elif hasattr(module, "self"):  # of the library transformers
            heads = getattr(module.self, "num_attention_heads", 0)
            size = getattr(module.self, "attention_head_size", 0)
        else:
            continue
        kept = getattr(module, _KEPT, tuple(range(int(heads))))
        yield Attention(place, path, module, kept, int(size))


def rows_of(heads: Sequence[int], head_dim: int) -> Tensor:
    """Rows (or columns) of heads that lie side by side, shape (len(heads) * head_dim,)."""
    starts = torch.tensor(heads, dtype=torch.long).unsqueeze(1) * head_dim
    # H x 1 + D -> H * D
    return (starts + torch.arange(head_dim)).reshape(-1)


def _slice(model: nn.Module, attention: Attention, stay: Sequence[int]) -> None:
    """Leave the heads at these places (not numbers) of an attention, in order."""
    module, kept = attention.module, tuple(attention.kept[place] for place in stay)
    if attention.of_fairseq and not kept:
        parent, _, name = attention.path.rpartition(".")
        setattr(model.get_submodule(parent), name, HeadlessAttention(module.out_proj.bias))
        return
    rows = rows_of(stay, attention.head_dim)
    for layer in attention.inputs if kept else ():
        _keep(layer, "weight", 0, rows)
        _keep(layer, "bias", 0, rows)
        layer.out_features = rows.numel()
    _keep(attention.output, "weight", 1, rows)
    attention.output.in_features = rows.numel()
    if attention.of_fairseq:
        module.num_heads, module.embed_dim = len(kept), rows.numel()
        # torch's fused attention takes none that is narrower than its input
        module._set_skip_embed_dim_check()
    elif kept:
        own = module.self
        own.num_attention_heads, own.all_head_size = len(kept), rows.numel()
    else:
        module.self = _NoContext()
    setattr(module, _KEPT, kept)


def _keep(layer: Any, name: str, dim: int, rows: Tensor) -> None:
    old: Optional[Tensor] = getattr(layer, name)
    if old is not None:
        new = old.detach().index_select(dim, rows.to(old.device))
        setattr(layer, name, nn.Parameter(new, requires_grad=old.requires_grad))
