"""Options of decoding are checked before a checkpoint is loaded."""

import pytest

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.inference.options import DecodingOptions


@pytest.mark.parametrize(
    ("beam", "nbest", "message"),
    [(0, 1, "--beam 0: it must be at least 1"), (2, 3, "--nbest 3: .* between 1 and --beam 2")],
)
def test_impossible_numbers_are_refused_naming_the_flag(
    beam: int, nbest: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        DecodingOptions(beam=beam, nbest=nbest)
