"""Packages that only some features need: imported when used, with the line that installs them.

`setup.py` groups them into extras, such as `pip install 'mclas-fairseq[metrics]'`.
"""

from importlib import import_module
from typing import Any

from mclas_fairseq.errors import SetupError


def require(module: str, *, extra: str, purpose: str) -> Any:
    """Import a module of an optional package.

    Args:
        module: dotted name, as in "bert_score".
        extra: the extra of `setup.py` that installs it.
        purpose: what needs it, as the user calls it: "--bertscore".

    Raises:
        SetupError: the package is not installed; the message says how to install it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise  # the package is there, and something that it needs is not
        raise SetupError(
            f"{purpose}: needs the package {module.split('.')[0]}, which is not installed; "
            f"pip install 'mclas-fairseq[{extra}]'"
        ) from error
