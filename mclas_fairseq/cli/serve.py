"""`mclas serve`: bundles behind HTTP, with a page to try them."""

import argparse
import dataclasses
from pathlib import Path

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.extras import require
from mclas_fairseq.serve.settings import ServeSettings, flag

NAME = "serve"
HELP = "answer over HTTP: bundles loaded once, batches across clients, a page to try them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas serve`."""
    parser.description = (
        "Loads bundles (mclas export) once and answers over HTTP: POST /v1/summarize, GET\n"
        "/v1/models, /livez, /readyz, /metrics, the description at /openapi.json, and a page to\n"
        "try it at /. Documents of all clients are decoded together. SIGTERM ends it when what\n"
        "was taken is answered (exit code 0). It listens on this machine alone unless --host says\n"
        "otherwise. No text of a document is logged."
    )
    parser.epilog = (
        "examples:\n"
        "  mclas serve news-en-de\n"
        "  mclas serve news-en-de news-en-zh --host 0.0.0.0 --api-key-file keys.txt\n"
        '  curl -s http://127.0.0.1:8000/v1/summarize --json \'{"text": "A long report ..."}\''
    )
    parser.add_argument(
        "bundle", type=Path, nargs="+", metavar="BUNDLE",
        help="folder that mclas export wrote; the model has its name",
    )  # fmt: skip
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS",
        help="where to listen (default: 127.0.0.1, this machine alone)",
    )  # fmt: skip
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="default: 8000")
    parser.add_argument(
        "--api-key-file", type=Path, metavar="FILE",
        help="keys, one a line; clients send one as Authorization: Bearer KEY",
    )  # fmt: skip
    parser.add_argument(
        "--device", metavar="NAME", help="cpu or cuda (default: a GPU if there is one)"
    )
    group = parser.add_argument_group("limits")
    for one in dataclasses.fields(ServeSettings):
        text = f"{one.metadata['help']} (default: {one.default})"
        group.add_argument(
            flag(one.name), type=type(one.default), default=one.default, metavar="N", help=text
        )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    for module in ("fastapi", "uvicorn", "prometheus_client"):
        require(module, extra="serve", purpose="mclas serve")
    if not 0 <= args.port <= 65_535:
        raise ConfigError(f"--port {args.port}: it must lie between 0 and 65535; give 8000, say")
    names = [one.name for one in dataclasses.fields(ServeSettings)]
    settings = ServeSettings(**{name: getattr(args, name) for name in names})

    from mclas_fairseq.serve.running import Address, serve

    serve(args.bundle, Address(args.host, args.port, args.api_key_file), settings, args.device)
    return 0
