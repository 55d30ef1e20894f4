"""`mclas serve`: bundles behind HTTP, with a page to try them."""

import argparse
import dataclasses
import os
from pathlib import Path
from typing import Any

from mclas_fairseq.extras import require
from mclas_fairseq.serve.configuration import configure
from mclas_fairseq.serve.settings import Address, ServeSettings, flag

NAME = "serve"
OUTPUTS = ("openapi",)
NEEDS_FAIRSEQ = False  # the process that decodes does
HELP = "answer over HTTP: bundles loaded once, batches across clients, a page to try them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas serve`."""
    parser.description = (
        "Loads bundles (mclas export) once and answers over HTTP: POST /v1/summarize, GET\n"
        "/v1/models, /livez, /readyz, /metrics, the description at /openapi.json, and a page to\n"
        "try it at /. Documents of all clients are decoded together. SIGTERM ends it when what\n"
        "was taken is answered (exit code 0). It listens on this machine alone unless --host says\n"
        "otherwise. SIGHUP, and a bundle that was replaced, loads models anew without losing a\n"
        "request. No text of a document is logged."
    )
    parser.epilog = (
        "examples:\n"
        "  mclas serve news-en-de\n"
        "  mclas serve news-en-de news-en-zh --host 0.0.0.0 --api-key-file keys.txt\n"
        '  curl -s http://127.0.0.1:8000/v1/summarize --json \'{"text": "A long report ..."}\''
    )
    parser.add_argument(
        "bundle", type=Path, nargs="*", metavar="BUNDLE",
        help="folder that mclas export wrote; the model has its name",
    )  # fmt: skip
    parser.add_argument(
        "--config", type=Path, metavar="FILE",
        help="TOML file with options by their names here (max-queue = 64; bundle = [...]); flags"
        " and the environment (MCLAS_SERVE_MAX_QUEUE=64) go before it",
    )  # fmt: skip
    parser.add_argument(
        "--openapi", type=Path, metavar="FILE",
        help="write the description of the interface there, of a server with keys if"
        " --api-key-file is given, and end; needs no bundle",
    )  # fmt: skip
    _add_options(parser, Address)
    _add_options(parser.add_argument_group("limits"), ServeSettings)


def _add_options(group: Any, configured: type[Any]) -> None:
    """A flag for each field; None unless it is given, so that other sources can say it."""
    for one in dataclasses.fields(configured):
        text = one.metadata["help"]
        if "(default: " not in text and one.default is not None:
            text += f" (default: {one.default})"
        shown = one.metadata.get("metavar", "N")
        group.add_argument(flag(one.name), type=one.metadata["kind"], metavar=shown, help=text)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    for module in ("fastapi", "fastapi_offline", "uvicorn", "prometheus_client"):
        require(module, extra="serve", purpose="mclas serve")
    if args.openapi is not None:
        from mclas_fairseq.serve.describing import write_description

        write_description(args.openapi, keyed=args.api_key_file is not None)
        return 0
    configuration = configure(vars(args), os.environ, args.config)

    from mclas_fairseq.serve.running import serve

    serve(configuration)
    return 0
