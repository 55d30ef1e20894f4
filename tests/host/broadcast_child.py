"""A training of `test_broadcast.py`, in a process that is forked from one that knows fairseq."""

import os
import sys

if __name__ == "__main__":
    job = globals()["JOB"]  # given by who runs this file: flags, note, log
    with open(job["log"], "wb") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    os.environ["NOTE"] = job["note"]
    sys.argv = ["fairseq-train", *job["flags"]]
    from fairseq_cli.train import cli_main

    cli_main()
