"""CTranslate2, imported so that its 8 bits are exact on processors without VNNI as well.

Without these instructions oneDNN, which CTranslate2 takes for processors other than Intel's, adds
products of 8 bits in 16, which overflow; Intel's MKL does not. CTranslate2 reads once, when it is
imported, which of them to take.
"""

import logging
import os
import sys
from typing import Any

import torch

from mclas_fairseq.extras import require

logger = logging.getLogger(__name__)

_USE_MKL = "CT2_USE_MKL"


def ctranslate2(part: str = "") -> Any:
    """Import CTranslate2, or a part of it such as "specs".

    What the user has set in CT2_USE_MKL stays.

    Raises:
        SetupError: it is not installed.
    """
    if not processor_has_vnni() and _USE_MKL not in os.environ:
        if "ctranslate2" in sys.modules:
            logger.warning(
                "ct2: CTranslate2 must multiply 8 bits with MKL on a processor without VNNI, such "
                "as this one, but it was imported before; translations in int8 may differ more "
                "than usual from those in float32: set CT2_USE_MKL=1 before Python starts"
            )
        os.environ[_USE_MKL] = "1"
    module = f"ctranslate2.{part}" if part else "ctranslate2"
    return require(module, extra="roundtrip", purpose="ct2:")


def processor_has_vnni() -> bool:
    """Whether the processor adds products of 8 bits in 32."""
    return bool(torch.cpu._is_vnni_supported())
