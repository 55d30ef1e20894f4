"""The training that a new data-bin serves, as a command to go on with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Optional

from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.spool import MS_ONLY, NCLS_ONLY, TRIPLE
from mclas_fairseq.errors import ConfigError

_MBERT_WIDTH = 768  # of the decoder of architecture mclas_mbert

# As in docs/training.md, "VHM and its baselines"; sizes and lengths of a first trial.
_MULTITASK_FLAGS = (
    "--task multitask_summarization --train-tasks mt,ms,cls --arch vhm_small --criterion vhm_elbo"
    " --best-checkpoint-metric cls_bound --optimizer adam --lr 5e-4 --lr-scheduler inverse_sqrt"
    " --warmup-updates 400 --max-tokens 4096 --max-update 20000 --save-dir CHECKPOINTS"
)


def next_command(
    options: PrepareOptions, kinds: Mapping[str, Mapping[str, int]], preset: Optional[str]
) -> str:
    """A training that the documents serve: of the joint layout where there are triples.

    Args:
        options: what the data-bin was made with.
        kinds: target language -> kind of record -> number of training records.
        preset: name or file of the settings it was made with; None for none.
    """
    if options.task_tags:
        plugin = Path(__file__).parent.parent
        return f"fairseq-train {options.out} --user-dir {plugin} {_MULTITASK_FLAGS}"
    target = max(kinds, key=lambda code: (kinds[code][TRIPLE], kinds[code][NCLS_ONLY]))
    layouts = {"mclas": TRIPLE, "ncls": NCLS_ONLY, "ms": MS_ONLY}
    layout = next((name for name, kind in layouts.items() if kinds[target][kind]), "...")
    several = f" --target-lang {target}" if len(kinds) > 1 else ""
    return (
        f"mclas train {options.out} --preset {preset or 'small-data'} --target-layout"
        f" {layout}{several}{_start_flags(options)} --save-dir CHECKPOINTS"
    )


def _start_flags(options: PrepareOptions) -> str:
    """The flags that let a training start from what tokenizer and dictionary were taken from."""
    chosen = options.tokenizer
    if chosen.mbart is not None:
        return f" --arch mclas_mbart --init-from-mbart {chosen.mbart}/model.pt"
    if chosen.pretrained is None:
        return ""
    # The library transformers, which only these need, is imported where they are used.
    from mclas_fairseq.modules.pretrained_encoder import own_positions
    from mclas_fairseq.modules.pretrained_loading import read_settings

    try:
        settings = read_settings(chosen.pretrained)
    except ConfigError:
        return ""  # its tokenizer serves, but its encoder is of another kind
    width = int(settings["hidden_size"])
    return (
        f" --arch mclas_mbert --pretrained-encoder {chosen.pretrained}"
        f" --max-source-positions {own_positions(settings) - 1}"
        + (f" --decoder-embed-dim {width}" if width != _MBERT_WIDTH else "")
        + " --optimizer grouped_adam --lr-scheduler grouped_inverse_sqrt --encoder-lr 5e-5"
    )
