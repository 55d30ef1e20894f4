"""Which group of parameters a parameter belongs to: the encoder's or the rest.

Bai et al. (2021), ACL 2021, section 5.2, train a pretrained encoder at another rate than the rest.
fairseq hands an optimizer parameters without their names, so a task marks them when it has built
the model, in the way that fairseq's own composite optimizer reads (`param_group`); the mark is kept
where fairseq makes 32-bit copies of them. `optim.grouped_adam` makes its groups of the marks.
"""

from collections.abc import Iterable

from torch import nn

ENCODER = "encoder"
REST = "rest"

_MARK = "param_group"
_ENCODER_PREFIX = "encoder."


def mark_groups(model: nn.Module) -> None:
    """Mark each parameter of a model as the encoder's or the rest's.

    The encoder's are those whose every name starts with `encoder.`: an embedding that encoder and
    decoder share is trained at the rate of the rest.
    """
    names: dict[nn.Parameter, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(parameter, []).append(name)
    for parameter, all_names in names.items():
        in_encoder = all(name.startswith(_ENCODER_PREFIX) for name in all_names)
        setattr(parameter, _MARK, ENCODER if in_encoder else REST)


def are_marked(parameters: Iterable[nn.Parameter]) -> bool:
    """Tell whether a task has marked any of the parameters."""
    return any(hasattr(parameter, _MARK) for parameter in parameters)


def group_of(parameter: nn.Parameter) -> str:
    """The group of a parameter; one without a mark, as a criterion's, is of the rest."""
    return ENCODER if getattr(parameter, _MARK, REST) == ENCODER else REST
