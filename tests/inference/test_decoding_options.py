"""Options of decoding are checked before a checkpoint is loaded."""

import pytest

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import DecodingOptions


def test_beam_of_nothing_is_refused_naming_the_flag() -> None:
    with pytest.raises(ConfigError, match="--beam 0: it must be at least 1"):
        DecodingOptions(beam=0)
