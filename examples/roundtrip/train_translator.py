"""`fairseq-train` for stock architectures with `--bf16` on a CPU.

fairseq takes `--bf16` on its command line for "this is a TPU" and then asks for one. The plugin's
own architectures undo that; a stock one, which these translators are (so that `ct2:` can convert
them), needs it done from outside. Everything else is `fairseq-train`.
"""

from fairseq import options
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.distributed import utils as distributed_utils
from fairseq_cli.train import main


def run() -> None:
    """Parse the flags of fairseq-train and train."""
    args = options.parse_args_and_arch(options.get_training_parser())
    args.tpu = False
    distributed_utils.call_main(convert_namespace_to_omegaconf(args), main)


if __name__ == "__main__":
    run()
