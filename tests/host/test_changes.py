"""What the plugin changes in fairseq: all in one list, and nothing outside of `host/`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mclas_fairseq
from mclas_fairseq.host.changes import CHANGES, Wrapped
from mclas_fairseq.host.wrapping import MARK

PACKAGE = Path(mclas_fairseq.__path__[0])
FOREIGN = {"fairseq", "fairseq_cli", "torch", "transformers", "omegaconf", "hydra"}
SETTERS = {"setattr", "delattr", "wrap_once"}


def changed_from_outside(source: str) -> list[str]:
    """Where a file assigns into a module or class that it has imported from another package."""
    tree = ast.parse(source)
    foreign = set(_foreign_names(tree))
    return [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt | ast.Call)
        for target in _targets(node)
        if _root(target) in foreign
    ]


def _foreign_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FOREIGN:
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in FOREIGN:
                    yield alias.asname or alias.name.split(".")[0]


def _targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign | ast.Delete):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
        return node.args[:1] if node.func.id in SETTERS else []
    else:
        return []
    return [target for target in targets if isinstance(target, ast.Attribute | ast.Subscript)]


def _root(target: ast.expr) -> str:
    while isinstance(target, ast.Attribute | ast.Subscript):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


def test_nothing_outside_host_assigns_into_fairseq() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "host"]
    assert len(files) > 100
    found = {
        str(path.relative_to(PACKAGE)): changed_from_outside(path.read_text(encoding="utf-8"))
        for path in files
    }
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "from fairseq import tasks\ntasks.setup_task = None",
        "import fairseq.tasks\nfairseq.tasks.TASK_REGISTRY['x'] = None",
        "from fairseq.trainer import Trainer as Stock\nStock.train_step += 1",
        "from fairseq import tasks\nsetattr(tasks, 'setup_task', None)",
        "def late():\n    from fairseq import utils\n    del utils.import_user_module.memo",
    ],
)
def test_such_lines_are_found(line: str) -> None:
    assert len(changed_from_outside(line)) == 1
    assert changed_from_outside("from fairseq import utils\nmine.field = utils.item(1)") == []


def test_each_change_is_made_once_registered() -> None:
    mclas_fairseq.register()
    wrapped = [change for change in CHANGES if isinstance(change, Wrapped)]
    assert len(wrapped) > 5
    for change in wrapped:
        assert hasattr(getattr(change.owner, change.name), MARK), change.what


def test_the_overview_shows_the_list() -> None:
    text = (PACKAGE.parent / "docs" / "overview.md").read_text(encoding="utf-8")
    section = text.split("## What the plugin changes in fairseq")[1].split("\n## ")[0]
    shown = re.findall(r"^\| (?:`(.+?)`|(.+?)) \| (.+?) \| `host/(.+?)` \|$", section, re.MULTILINE)
    assert [(code or words, reason) for code, words, reason, _ in shown] == [
        (change.what, change.reason) for change in CHANGES
    ]
    assert all((PACKAGE / "host" / file).is_file() for *_, file in shown)
