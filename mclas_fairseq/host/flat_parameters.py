"""Parameters that `--fp16` joins to one, given to an optimizer that needs them apart: refused."""

from collections.abc import Callable
from typing import Any

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.optim.grouped_adam import NAME, NEEDS_THEM_APART


def refusing_flat_parameters(build: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `fairseq.optim.FP16Optimizer.build_fp32_params`."""

    def checked(args: Any, params: Any, flatten: bool = True) -> Any:
        if flatten and getattr(args, "_name", None) == NAME:
            raise ConfigError(NEEDS_THEM_APART)
        return build(args, params, flatten=flatten)

    return checked
