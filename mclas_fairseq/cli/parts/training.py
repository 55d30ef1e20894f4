"""The program that `mclas train` becomes: fairseq-train with one line for what the user can mend.

Run by Python's `-P -m`, so that signals and the exit code are fairseq's own.
"""

import re
import sys
import warnings

import mclas_fairseq
from mclas_fairseq.cli.parts.stopping import Terminated, ended_by_sigterm
from mclas_fairseq.errors import MclasError

# How warnings begin that code of fairseq, hydra and torch causes and no flag can stop.
_NOISE = (
    "hydra.experimental.",
    "The version_base parameter is not specified",
    "In 'config': Usage of deprecated keyword in package header",
    "'config' is validated against ConfigStore schema",
    "The strict flag in the compose API is deprecated",
    "'pin_memory' argument is set as true but no accelerator is found",
    "`torch.cuda.amp.autocast(args...)` is deprecated",
    "Support for mismatched key_padding_mask and attn_mask is deprecated",
)


def main() -> int:
    """Train as the command line says.

    Returns:
        The exit code: 0 done, 2 an error that the user can mend, 130 stopped by Ctrl-C, 143 by
        SIGTERM.
    """
    for start in _NOISE:
        warnings.filterwarnings("ignore", message=r"\s*" + re.escape(start))
    try:
        with ended_by_sigterm():
            mclas_fairseq.register_for_program()
            from fairseq_cli.train import cli_main

            cli_main()
            return 0
    except MclasError as error:
        print(f"mclas train: error: {error}", file=sys.stderr)
        return 2
    except Terminated:
        print("mclas train: stopped by SIGTERM", file=sys.stderr)
        return 143
    except KeyboardInterrupt:
        print("mclas train: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
