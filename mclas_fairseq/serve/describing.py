"""The description of the interface as a file, for programs that make clients of it."""

import json
from pathlib import Path

from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.serve.app import build_app
from mclas_fairseq.serve.engine import Engine
from mclas_fairseq.serve.guards import Keys
from mclas_fairseq.serve.keeper import Keeper
from mclas_fairseq.serve.messages import Begin
from mclas_fairseq.serve.settings import ServeSettings


def write_description(path: Path, *, keyed: bool) -> None:
    """Write OpenAPI 3.1 as JSON; no model is loaded.

    Args:
        path: of the file.
        keyed: whether the server asks for keys.

    Raises:
        OutputError: nothing can be written there.
    """
    keys = Keys([b"any"] if keyed else [])
    settings = ServeSettings()
    nothing = Keeper(Begin((), None, None, settings), lambda error: None)  # never started
    schema = build_app(Engine(settings, nothing), keys).openapi()
    with write_beside(path) as stream:
        stream.write(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
