"""What to run on converted records: the line that `mclas convert` ends with."""

from mclas_fairseq.corpus.conversion.options import ConvertOptions


def prepare_command(options: ConvertOptions) -> str:
    """The `mclas prepare` command for the records that were written."""
    fields = options.fields
    source = fields.languages("document")[0]
    targets = [code for code in fields.languages("summary", "translation") if code != source]
    files = " ".join(f"--{split or 'train'} {path}" for split, path in options.outputs().items())
    return (
        f"mclas prepare --source-lang {source} --target-lang {','.join(targets) or '...'} {files}"
        " --out DATA_BIN"
    )
