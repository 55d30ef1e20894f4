"""CTranslate2, imported so that it is exact and quick on x86 processors.

Without these instructions oneDNN, which CTranslate2 takes for processors other than Intel's, adds
products of 8 bits in 16, which overflow; Intel's MKL does not. CTranslate2 reads once, when it is
imported, which of them to take. On other machines than x86 it is built without MKL, and would
refuse to start with it.

It takes AVX2 where a processor has AVX-512 as well. Searches for summaries are a sixth faster with
the latter (docs/results.md, "Engines"), so that it is asked for; builds for Linux have it.
"""

import logging
import os
import platform
from typing import Any

import torch

from mclas_fairseq.extras import require

logger = logging.getLogger(__name__)

_USE_MKL = "CT2_USE_MKL"
_INSTRUCTIONS = "CT2_FORCE_CPU_ISA"
_X86 = ("x86_64", "AMD64")


def ctranslate2(part: str = "", *, extra: str = "roundtrip", purpose: str = "ct2:") -> Any:
    """Import CTranslate2, or a part of it such as "specs".

    What the user has set in CT2_USE_MKL and CT2_FORCE_CPU_ISA stays. For `extra` and `purpose` see
    `extras.py`.

    Raises:
        SetupError: it is not installed.
    """
    needs_mkl = not processor_has_vnni() and _USE_MKL not in os.environ
    if needs_mkl:
        os.environ[_USE_MKL] = "1"
    if processor_has_avx512():
        os.environ.setdefault(_INSTRUCTIONS, "AVX512")
    found = require("ctranslate2", extra=extra, purpose=purpose)
    if needs_mkl and "int16" not in found.get_supported_compute_types("cpu"):
        logger.warning(
            "ct2: CTranslate2 must multiply 8 bits with MKL on a processor without VNNI, such as "
            "this one, but was imported before it could be told; translations in int8 may differ "
            "more than usual from those in float32: set CT2_USE_MKL=1 before Python starts"
        )
    if part:
        found = require(f"ctranslate2.{part}", extra=extra, purpose=purpose)
    return found


def processor_has_vnni() -> bool:
    """Whether products of 8 bits are added in 32; only x86 processors lack it.

    torch knows of VNNI with AVX-512 alone: where it comes with AVX2, MKL is taken as well.
    """
    return platform.machine() not in _X86 or bool(torch.cpu._is_vnni_supported())


def processor_has_avx512() -> bool:
    """Whether it has AVX-512, and CTranslate2 was built for it."""
    built = platform.machine() in _X86 and platform.system() == "Linux"
    return built and bool(torch.cpu._is_avx512_supported())
