"""The monolingual summarizer without its gate of copying: what the control without it starts from.

fairseq starts a model from another one with the same parameters only. The gate, a weight for each
of C dimensions and a bias, is all that copying adds to them; what is left had learned beside it.
"""

from pathlib import Path

from mclas_fairseq.checkpoints.averaging import write_checkpoint
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint

_GATE = "decoder.copy_gate."


def without_copying(checkpoint: Path) -> Path:
    """Write the checkpoint without its gate beside it, unless it is there; its file.

    Raises:
        SystemExit: it has none.
    """
    out = checkpoint.with_name("uncopied.pt")
    if out.exists() and out.stat().st_mtime_ns > checkpoint.stat().st_mtime_ns:
        return out
    state = load_checkpoint(checkpoint)
    kept = {name: value for name, value in state["model"].items() if not name.startswith(_GATE)}
    if len(kept) == len(state["model"]):
        raise SystemExit(f"{checkpoint}: must have a gate of copying, but has none")
    write_checkpoint(out, {**state, "model": kept})
    return out
