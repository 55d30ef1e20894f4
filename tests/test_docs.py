"""What README, docs and help texts say exists: links, files, names, and every command parses."""

import argparse
import ast
import importlib
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fairseq import options
from fairseq.dataclass.configs import FairseqConfig
from fairseq.models import ARCH_MODEL_INV_REGISTRY
from fairseq.tasks import TASK_DATACLASS_REGISTRY
from omegaconf import OmegaConf

import mclas_fairseq
from mclas_fairseq.cli import COMMANDS, build_parser
from mclas_fairseq.cli.train import command as train_command
from mclas_fairseq.corpus.tokenizers import TOKENIZERS
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.data.manifest import FORMAT_VERSION
from mclas_fairseq.doctor.rows import OPTIONAL_PARTS, PARTS
from mclas_fairseq.evaluation.content import CONTENT, MATCHED, MATCHED_CONTENT
from mclas_fairseq.evaluation.protocols import PROTOCOLS
from mclas_fairseq.scoring.validation import REPORTED
from studies.harness import command as study_command
from studies.harness.study import Study

mclas_fairseq.register()  # its names stand in fairseq's registries

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(mclas_fairseq.__path__[0])
README = ROOT / "README.md"
TRAINING = ROOT / "docs" / "training.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
RECIPES = [*(ROOT / "examples").glob("*/README.md"), *(ROOT / "studies").rglob("README.md")]
PAGES = [README, *DOCS, *sorted(RECIPES)]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
TASK = "cross_lingual_summarization"
SEVERAL = "multitask_summarization"
TASKS = {TASK, SEVERAL, "glm_pretraining", "glm_seq2seq", "sequence_labelling"}

# Flags of other programs that the texts name, and those that errors name.
PIP = {"--no-deps", "--no-build-isolation", "--index-url"}
NAMED_BY_ERRORS = {"--upgrade", "--local-dir", "--srcdict", "--langs"}  # pip, hf, fairseq, mBART's

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
MODULE = re.compile(r"[\w/.-]+\.py(::\w+)?")

FAIRSEQ_PARSERS: dict[str, Callable[..., argparse.ArgumentParser]] = {
    "fairseq-train": options.get_training_parser,
    "fairseq-generate": options.get_generation_parser,
    "fairseq-interactive": options.get_interactive_generation_parser,
    "fairseq-validate": options.get_validation_parser,
}


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", text(page))


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return [body for kind, body in FENCE.findall(text(page)) if kind == language]


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings of a page."""
    headings = HEADING.findall(prose(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(shell: str) -> Iterator[list[str]]:
    """The words of each simple command of a shell text, without redirections."""
    for line in re.sub(r"(\\|\|)\n", lambda found: found[1].replace("\\", " "), shell).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        redirected = False
        for word in [*lexer, "|"]:
            if word in ("|", "&&", ";"):
                if words:
                    yield words
                words, redirected = [], False
            elif set(word) <= set("<>&"):
                redirected = True
            elif not redirected:
                words.append(word)


def check_command(words: list[str]) -> bool:
    """Parse a command of ours or fairseq's as the program would; SystemExit if it does not."""
    if words[0] == "mclas" and len(words) > 1:
        args, more = build_parser().parse_known_args(words[1:])
        assert args.takes_more or not more, f"unknown to mclas {words[1]}: {more}"
        if not args.takes_more or args.show:
            return True
        own_file = args.preset.endswith(".toml")  # the reader's, which is not here
        words = train_command(args.data, "tiny-data" if own_file else args.preset, more)
    if words[:2] == ["python", "-m"] and words[2].startswith("studies."):
        with pytest.raises(SystemExit) if "--help" in words else nullcontext():
            study_parser(words[2]).parse_args(words[3:])
        return True
    if words[0] in FAIRSEQ_PARSERS:
        place = words.index("--user-dir") + 1
        # Two folders of the same name cannot be plugins of one process: the texts' is ours.
        words = [*words[:place], str(PACKAGE), *words[place + 1 :]]
        parser = FAIRSEQ_PARSERS[words[0]]()
        args = options.parse_args_and_arch(parser, input_args=words[1:])
        assert args.task in TASKS, f"{words[0]} without --task {TASK}"
        return True
    return False


def study_parser(name: str) -> argparse.ArgumentParser:
    """The parser of `python -m NAME`, a study."""
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{name}.__main__")
    if hasattr(module, "parser"):  # a command that is no study of cells
        parser: argparse.ArgumentParser = module.parser()
        return parser
    kinds = [one for one in vars(module).values() if isinstance(one, type)]
    (kind,) = [one for one in kinds if issubclass(one, Study) and one.__module__ == module.__name__]
    return study_command.parser(kind())


def subparsers(parser: argparse.ArgumentParser | None = None) -> dict[str, argparse.ArgumentParser]:
    """The parsers of the commands of `mclas`, or of one command's own subcommands."""
    actions = (parser or build_parser())._actions
    found = [action for action in actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def flags_of(parser: argparse.ArgumentParser) -> set[str]:
    """The flags of a command and of its subcommands."""
    nested = subparsers(parser).values()
    return {flag for each in (parser, *nested) for flag in each._option_string_actions}


@cache
def known_flags() -> frozenset[str]:
    """Every flag of `mclas` and, with what is registered here, of fairseq."""
    flags = {flag for parser in subparsers().values() for flag in flags_of(parser)}
    rates = ["--optimizer", "grouped_adam", "--lr-scheduler", "grouped_inverse_sqrt"]
    more = [
        ("train", TASK, ["--arch", "ncls_ms_tiny", "--criterion", "summary_cross_entropy", *rates]),
        ("train", SEVERAL, ["--arch", "vhm_tiny", "--criterion", "vhm_elbo"]),
        *(
            ("train", task, ["--arch", "glm_tiny", "--criterion", "glm_cross_entropy"])
            for task in ("glm_pretraining", "glm_seq2seq")
        ),
        (
            "train",
            "sequence_labelling",
            ["--arch", "token_classifier_tiny", "--criterion", "label_cross_entropy"],
        ),
        ("generate", TASK, ["--path", "checkpoint.pt", "--scoring", "rouge"]),
    ]
    for command, task, words in more:
        parser = FAIRSEQ_PARSERS[f"fairseq-{command}"](default_task=task)
        options.parse_args_and_arch(parser, input_args=["a-data-bin", *words])
        flags |= set(parser._option_string_actions)
    for path in (ROOT / "benchmarks").glob("*.py"):  # some import what not every machine has
        flags |= set(
            re.findall(r'add_argument\(\s*"(--[a-z-]+)"', path.read_text(encoding="utf-8"))
        )
    return frozenset(flags | PIP)


@pytest.mark.parametrize("name", NAMES)
def test_relative_links_and_their_anchors_resolve(name: str) -> None:
    page = ROOT / name
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{name}: {link}"


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_named_exist_and_define_what_is_said(name: str) -> None:
    rooms = {folder.name for folder in PACKAGE.iterdir() if folder.is_dir()}
    tops = {"tests", "docs", "examples", "benchmarks", "requirements", "mclas_fairseq"}
    for code in INLINE.findall(prose(ROOT / name)):
        word = code.split()[0]
        path, _, defined = word.partition("::")
        is_folder = "/" in word and word.split("/")[0] in rooms | tops
        if not (MODULE.fullmatch(word) or is_folder):
            continue
        bases = (ROOT, PACKAGE, (ROOT / name).parent)
        found = [base / path for base in bases if (base / path).exists()]
        assert found, f"{name}: {word}"
        if defined:
            pattern = rf"^\s*(def|class) {defined}\b"
            assert re.search(pattern, text(found[0]), re.MULTILINE), f"{name}: {word}"


@pytest.mark.parametrize("name", NAMES)
def test_commands_that_are_shown_parse(name: str) -> None:
    for block in blocks(ROOT / name, "sh"):
        for words in commands(block):
            try:
                check_command(words)
            except SystemExit:
                pytest.fail(f"{name}: {shlex.join(words)}")


def test_the_walkthrough_shows_the_way_from_a_corpus_to_scores() -> None:
    page = ROOT / "docs" / "walkthrough.md"
    shown = [words for block in blocks(page, "sh") for words in commands(block)]
    starts = [words[:2] if words[0] == "mclas" else words[:1] for words in shown]
    way = [["mclas", "synthetic"], ["mclas", "prepare"], ["fairseq-train"], ["fairseq-generate"]]
    for start in [*way, ["mclas", "extract"], ["mclas", "report"], ["mclas", "summarize"]]:
        assert start in starts


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_in_help_texts_parse(command: str) -> None:
    epilog = subparsers()[command].epilog
    assert epilog, "every command has an example"
    parsed = [check_command(words) for words in commands(epilog) if "..." not in words]
    assert any(parsed)


@pytest.mark.parametrize("name", NAMES)
def test_flags_that_are_named_exist(name: str) -> None:
    for code in INLINE.findall(prose(ROOT / name)):
        words = code.split()
        known = known_flags()
        if words[0] == "mclas" and len(words) > 1 and not words[1].startswith(("COMMAND", "--")):
            assert words[1] in COMMANDS, f"{name}: {code}"
            known = frozenset(flags_of(subparsers()[words[1]]))
        if words[:2] == ["python", "-m"] and words[2].startswith("studies."):
            known = frozenset(flags_of(study_parser(words[2])))
        elif name.startswith("studies/") and name.count("/") > 1:  # a study's own page
            known |= flags_of(study_parser(".".join(name.split("/")[:-1])))
        elif name == "studies/README.md":  # what all studies of the harness have
            known |= flags_of(study_parser("studies.ddtp"))
        assert set(FLAG.findall(code)) <= known, f"{name}: {code}"


def test_flags_that_errors_name_exist() -> None:
    named: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        raised = (node for node in ast.walk(ast.parse(text(path))) if isinstance(node, ast.Raise))
        for constant in (part for node in raised for part in ast.walk(node)):
            if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                for flag in FLAG.findall(constant.value):
                    named.setdefault(flag, set()).add(path.relative_to(PACKAGE).as_posix())
    known = known_flags() | NAMED_BY_ERRORS
    assert {flag: where for flag, where in named.items() if flag not in known} == {}


def test_hydra_example_names_options_that_exist() -> None:
    example: Any = OmegaConf.to_container(OmegaConf.create(blocks(TRAINING, "yaml")[0]))
    ours: dict[str, Any] = {"task": TASK_DATACLASS_REGISTRY[TASK]}
    for group in ("common", "dataset", "optimization", "checkpoint"):
        ours[group] = FairseqConfig.__dataclass_fields__[group].type
    for group, config in ours.items():
        assert set(example[group]) <= set(config.__dataclass_fields__), group
    assert example["task"]["_name"] == TASK
    assert example["model"]["_name"] in ARCH_MODEL_INV_REGISTRY["mclas"]


def test_the_names_page_has_everything_that_the_plugin_adds() -> None:
    section = text(ROOT / "docs" / "names.md")
    named = {word for code in INLINE.findall(section) for word in (code, code.split()[-1])}
    logged = {
        f"{part}{metric}"
        for metric in (*REPORTED, *CONTENT, MATCHED, MATCHED_CONTENT)
        for part in ("", "ms_")
    }
    added = {*TASKS, "summary_cross_entropy", "vhm_elbo", "rouge", "ms_nll_loss", "cls_nll_loss"}
    added |= {"grouped_adam", "grouped_inverse_sqrt", *ARCH_MODEL_INV_REGISTRY["ncls_ms"]}
    added |= {name for name in ARCH_MODEL_INV_REGISTRY["vhm"] if name.startswith("vhm")}
    added |= {*ARCH_MODEL_INV_REGISTRY["glm"], "glm_cross_entropy"}
    added |= {f"mclas {command}" for command in COMMANDS}
    added |= {*ARCH_MODEL_INV_REGISTRY["mclas"], *Layout, *TOKENIZERS, *PROTOCOLS, *logged}
    assert added <= named


def test_every_option_of_the_task_is_explained_somewhere() -> None:
    pages = "\n".join(map(text, PAGES))
    fields = set(TASK_DATACLASS_REGISTRY[TASK].__dataclass_fields__)
    flags = {"--" + name.replace("_", "-") for name in fields - {"_name", "data", "save_dir"}}
    assert flags <= set(FLAG.findall(pages))


def test_every_page_is_one_step_from_the_readme() -> None:
    linked = {link.partition("#")[0] for link in LINK.findall(prose(README))}
    assert {page.relative_to(ROOT).as_posix() for page in DOCS} <= linked


def test_the_readme_is_short() -> None:
    assert len(text(README).splitlines()) <= 300


def test_every_optional_package_has_a_row_in_the_installation_page_and_in_doctor() -> None:
    rows = text(ROOT / "docs" / "installation.md").split("## Optional packages")[1]
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    extras = ast.literal_eval(re.search(r"^EXTRAS = (\{.*?^\})", setup, re.S | re.M)[1])  # type: ignore[index]
    for extra, packages in extras.items():
        row = next(line for line in rows.splitlines() if line.startswith(f"| `{extra}` |"))
        for package in packages:
            assert package.split("=")[0] in row, f"{extra}: {package}"
    known = {part.distribution for part in (*PARTS, *OPTIONAL_PARTS)}
    assert {name.split("=")[0] for names in extras.values() for name in names} <= known


def test_readme_keeps_the_places_of_real_output() -> None:
    for name in ("demo", "test"):
        pattern = rf"^<!-- {name} output -->\n```text\n.*?^```\n<!-- /{name} output -->$"
        assert re.search(pattern, text(README), re.MULTILINE | re.DOTALL), name


def test_changelog_knows_this_version_and_the_format_of_data_bins() -> None:
    changelog = text(ROOT / "docs" / "changelog.md")
    version = re.escape(mclas_fairseq.__version__)
    assert re.search(rf"^## \[{version}\] - ", changelog, re.MULTILINE)
    assert f"`manifest.json` (now: {FORMAT_VERSION})" in changelog
