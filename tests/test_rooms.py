"""The rooms of the package: who may import whom (docs/contributing.md shows the same table)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import mclas_fairseq

PACKAGE = Path(mclas_fairseq.__path__[0])
GROUND = {"errors", "version", "extras", "transformers_loading"}
# Room -> the rooms that it may import, beside itself and the ground. A method's room stands on all
# that is shared; what is shared knows no method.
SHARED = {"corpus", "modules", "data", "optim", "evaluation", "generation", "checkpoints"}
SHARED |= {"bundles", "translators", "scoring", "lexicon", "ctranslate"}
METHODS = {"summarization", "vhm", "mglm", "labelling", "heads"}
ABOVE = {"inference", "serve", "roundtrip", "binarize", "doctor"}
MAY_IMPORT = {
    "corpus": set(),
    "modules": set(),
    "presets": set(),
    "data": {"corpus"},
    "optim": {"modules"},
    "evaluation": {"corpus"},
    "generation": {"data", "modules"},
    "checkpoints": {"data", "corpus", "modules"},
    "lexicon": {"corpus", "data", "checkpoints"},
    "bundles": {"checkpoints", "ctranslate", "generation", "data", "corpus", "modules"},
    "ctranslate": {"generation", "data", "corpus", "modules"},
    "translators": {"corpus", "checkpoints", "data", "ctranslate"},
    "scoring": {"evaluation", "data", "corpus", "generation"},
    "summarization": SHARED,
    "vhm": SHARED | {"summarization"},
    "mglm": SHARED | {"summarization"},
    "labelling": SHARED | {"summarization"},
    "heads": SHARED | {"summarization"},
    "host": SHARED | METHODS,
    "_registration": SHARED | METHODS | {"host"},
    "inference": SHARED | METHODS,
    "serve": {"inference", "bundles", "corpus", "modules", "__init__"},
    "roundtrip": {"translators", "evaluation", "corpus"},
    "binarize": {"corpus", "data", "modules", "roundtrip"},  # its executors, for raw text
    "tasks": {"__init__"},  # two doors for fairseq's loader of plugins
    "models": {"__init__"},
    "__init__": {"_registration", "host", "inference"},
    "doctor": {"checkpoints", "__init__"},
    "__main__": {"cli"},
    "cli": SHARED | METHODS | ABOVE | {"presets", "host", "__init__"},
}


def _modules() -> dict[str, Path]:
    return {
        ".".join(["mclas_fairseq", *path.relative_to(PACKAGE).with_suffix("").parts]): path
        for path in PACKAGE.rglob("*.py")
    }


def _imports(path: Path, known: set[str], *, at_start: bool = False) -> Iterator[tuple[int, str]]:
    """Line and full name of each module of ours that a file imports; `at_start`: not later ones."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if at_start else ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mclas_fairseq"):
            module = str(node.module)
            for alias in node.names:
                full = f"{module}.{alias.name}"
                yield node.lineno, full if {full, f"{full}.__init__"} & known else module
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "mclas_fairseq":
                    yield node.lineno, alias.name


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def test_no_room_imports_what_it_may_not() -> None:
    modules = _modules()
    wrong = []
    for module, path in modules.items():
        room = _room(module)
        allowed = MAY_IMPORT.get(room, set()) | GROUND | {room}
        for line, imported in _imports(path, set(modules)):
            if _room(imported) not in allowed:
                wrong.append(f"{path.relative_to(PACKAGE)}:{line}: {room} imports {imported}")
    assert not wrong, "\n".join(wrong)


def test_every_room_is_in_the_table() -> None:
    rooms = {_room(module) for module in _modules()}
    assert rooms - GROUND == set(MAY_IMPORT)


def test_no_two_files_import_each_other() -> None:
    modules = _modules()
    edges = {}
    for module, path in modules.items():
        found = {name for _, name in _imports(path, set(modules))}
        edges[module] = {f"{name}.__init__" if name not in modules else name for name in found}
    circles = []
    for module, targets in edges.items():
        reached, waiting = set(), list(targets)
        while waiting:
            name = waiting.pop()
            if name in reached or name not in edges:
                continue
            reached.add(name)
            waiting.extend(edges[name])
        # The package's face opens a summarizer when asked to: that is the way in, not a circle.
        if module in reached and module != "mclas_fairseq.__init__":
            circles.append(module)
    assert not circles, sorted(circles)


def test_the_package_imports_nothing_that_stands_beside_it() -> None:
    beside = re.compile(
        r"^\s*(?:from|import) (studies|benchmarks|examples|preprocess|tests)\b", re.M
    )
    found = {
        path: beside.findall(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")
    }
    assert not {path: names for path, names in found.items() if names}
