"""What to convert, how, and where to: the options of `mclas convert`, and which are refused."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from mclas_fairseq.corpus.conversion.mapping import FieldMap
from mclas_fairseq.corpus.conversion.opening import ReadingOptions
from mclas_fairseq.corpus.conversion.splitting import SplitOptions
from mclas_fairseq.corpus.output import check_apart
from mclas_fairseq.errors import ConfigError

_SUFFIXES = (".jsonl", ".jsonl.gz")


@dataclass(frozen=True)
class ConvertOptions:
    """What to convert, and how.

    Attributes:
        inputs: the files; none where the columns of `fields` are themselves files of plain text.
        fields: which column becomes which text.
        out: the file to write, or with a split the folder.
        reading: how files are read.
        split: how to split; None for one output.
        dropped: where dropped rows go with their reasons; None for nowhere.
        drop_repeated: whether a row with the same texts as an earlier one is dropped.
        overwrite: whether files that exist are replaced.
    """

    inputs: Sequence[Path]
    fields: FieldMap
    out: Path
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    split: Optional[SplitOptions] = None
    dropped: Optional[Path] = None
    drop_repeated: bool = False
    overwrite: bool = False

    def outputs(self) -> dict[str, Path]:
        """Split -> file; without a split one file, under an empty name."""
        if self.split is None:
            return {"": self.out}
        return {split: self.out / f"{split}.jsonl" for split in self.split.used()}


def check_outputs(options: ConvertOptions) -> None:
    """Refuse outputs of the wrong kind, outputs that exist, and outputs that are inputs.

    Raises:
        ConfigError: which one, and why.
    """
    if options.split is None and not options.out.name.endswith(_SUFFIXES):
        raise ConfigError(
            f"--out: must end in .jsonl or .jsonl.gz without --split, but is {options.out}; name"
            " a file, or give --split 80/10/10 to write a folder"
        )
    if options.split is not None and (options.out.is_file() or options.out.suffix == ".jsonl"):
        raise ConfigError(
            f"--out: must be a folder with --split, but {options.out} is a file; name a folder"
        )
    written = [("--out", path) for path in options.outputs().values()]
    if options.dropped is not None:
        written.append(("--dropped", options.dropped))
    texts = [Path(name) for name in options.fields.all_columns()] if not options.inputs else []
    read = [*(("--in", path) for path in options.inputs), *(("--text", path) for path in texts)]
    check_apart(written, read)
    for _, path in written:
        if path.exists() and not options.overwrite:
            raise ConfigError(
                f"{path}: the file must not exist yet, but does; choose another name, or give"
                " --overwrite to replace it"
            )
