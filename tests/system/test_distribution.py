"""Wheel and source archive: built from a copy of the tree, installed into a folder, and used."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import mclas_fairseq
from tests.processes import output_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
BUILD = """
import sys
from setuptools import build_meta
folder = sys.argv[1]  # which the builds change
print("BUILT", build_meta.build_wheel(folder), build_meta.build_sdist(folder))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wheel and source archive."""
    folder = tmp_path_factory.mktemp("distribution")
    tree = folder / "tree"
    tree.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "mclas_fairseq", tree / "mclas_fairseq", ignore=ignored)
    said = output_of([sys.executable, "-c", BUILD, str(folder / "dist")], tree)
    assert "BUILT mclas_fairseq-" in said
    return folder / "dist"


def contents(root: Path) -> set[str]:
    """Files of the package that a user needs, as the tree has them."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        path.relative_to(root.parent).as_posix()
        for path in files
        if path.suffix != ".pyc" and "__pycache__" not in path.parts
    }


def test_both_hold_every_file_of_the_package(built: Path) -> None:
    package = contents(Path(mclas_fairseq.__path__[0]))
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert package <= set(archive.namelist())
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        assert package <= names
        assert {"setup.py", "pyproject.toml", "LICENSE"} <= names


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of its own into which the wheel is installed, without what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    (wheel,) = built.glob("*.whl")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "--no-deps", "--target", folder, wheel], check=True)
    return folder


def run(installed: Path, folder: Path, *words: str) -> str:
    """What a program says that finds the installed package first."""
    return output_of([sys.executable, *words], folder, PYTHONPATH=str(installed))


def test_the_installed_command_works_away_from_the_tree(installed: Path, tmp_path: Path) -> None:
    where = run(installed, tmp_path, "-c", "import mclas_fairseq; print(mclas_fairseq.__file__)")
    assert Path(where.strip()).is_relative_to(installed)
    words = "synthetic --setting easy --train 20 --valid 5 --test 5 --out news".split()
    assert "20 synthetic records" in run(installed, tmp_path, "-m", "mclas_fairseq", *words)
    words = ["train", "--preset", "small-data", "--show"]
    assert 'arch = "mclas_small"' in run(installed, tmp_path, "-m", "mclas_fairseq", *words)


def test_fairseq_takes_the_installed_folder_as_user_dir(installed: Path, tmp_path: Path) -> None:
    program = """
import sys
from fairseq import options
words = ["data-bin", "--user-dir", sys.argv[1], "--task", "cross_lingual_summarization"]
words += ["--arch", "mclas_tiny", "--criterion", "summary_cross_entropy", "--copy-attention"]
args = options.parse_args_and_arch(options.get_training_parser(), input_args=words)
print("FOUND", args.target_layout, args.copy_attention, sys.modules["mclas_fairseq"].__file__)
"""
    said = run(installed, tmp_path, "-c", program, str(installed / "mclas_fairseq"))
    layout, copies, where = said.split("FOUND ")[1].split(maxsplit=2)
    assert (layout, copies) == ("mclas", "True")
    assert Path(where.strip()).is_relative_to(installed)
