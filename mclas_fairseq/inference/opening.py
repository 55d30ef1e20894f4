"""`mclas_fairseq.load`: a bundle, or a checkpoint with its data-bin."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Optional, Union

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.loading import Device
from mclas_fairseq.inference.summarizer import Summarizer


def open_summarizer(
    path: Union[str, PathLike[str]],
    *,
    data: Union[str, PathLike[str], None] = None,
    device: Device = None,
    options: Optional[DecodingOptions] = None,
    precision: Optional[str] = None,
    target_langs: Optional[Sequence[str]] = None,
) -> Summarizer:
    """Load what `path` names; see `mclas_fairseq.load`."""
    place = Path(path)
    if data is None and not place.is_file():
        return Summarizer.from_bundle(
            place, options, device=device, precision=precision, target_langs=target_langs
        )
    if data is None:
        raise ConfigError(
            f"{place}: a checkpoint needs the data-bin of its training, but none is given; add"
            " data=DATA_BIN, or load a bundle made with mclas export"
        )
    if place.is_dir():
        raise ConfigError(
            f"{place}: a bundle brings all it needs, but data={data} is given as well; leave it"
            " out, or give the file of a checkpoint"
        )
    return Summarizer.load(
        [place],
        Path(data),
        options,
        device=device,
        precision=precision,
        target_langs=target_langs,
    )
