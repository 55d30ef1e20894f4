"""What `mclas doctor` knows: the parts of an installation, how each is judged and mended.

Everything here is a pure function from what was found to rows of the report.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Optional


class State(Enum):
    """How a part is doing, as the report prints it."""

    OK = "ok"
    ABSENT = "absent"  # an optional part that is not installed
    WARNING = "warning"  # works, or is not needed, but something should be done
    BROKEN = "BROKEN"
    MISSING = "MISSING"


@dataclass(frozen=True)
class Row:
    """One line of the report, and the one line that mends what it says ('' when all is well)."""

    part: str
    state: State
    found: str
    remedy: str = ""

    @property
    def stops_work(self) -> bool:
        """Whether something that is needed does not work."""
        return self.state in (State.BROKEN, State.MISSING)


@dataclass(frozen=True)
class Part:
    """A package from the index: how it is imported, how it is installed, what it is for."""

    module: str
    distribution: str
    purpose: str
    needed: bool = True


@dataclass(frozen=True)
class Finding:
    """What was found of one part: installed version, and what came of trying it."""

    version: Optional[str]
    detail: str = ""
    error: Optional[str] = None


PARTS = (
    Part("numpy", "numpy", "arrays"),
    Part("omegaconf", "omegaconf", "fairseq's configurations"),
    Part("hydra", "hydra-core", "fairseq's configurations"),
    Part("bitarray", "bitarray", "fairseq"),
    Part("cffi", "cffi", "fairseq"),
    Part("Cython", "cython", "fairseq"),
    Part("packaging", "packaging", "fairseq"),
    Part("regex", "regex", "fairseq"),
    Part("sklearn", "scikit-learn", "fairseq"),
    Part("sacrebleu", "sacrebleu", "fairseq's scorers"),
    Part("tqdm", "tqdm", "progress bars"),
    Part("langcodes", "langcodes", "language codes"),
    Part("sentencepiece", "sentencepiece", "tokenizer sentencepiece"),
    Part("sacremoses", "sacremoses", "tokenizer bpe"),
    Part("subword_nmt", "subword-nmt", "tokenizer bpe"),
    Part("rouge_score", "rouge-score", "ROUGE"),
    Part("nltk", "nltk", "ROUGE"),
    Part("snowballstemmer", "snowballstemmer", "ROUGE"),
    Part("stopwordsiso", "stopwordsiso", "ROUGE of content words"),
    Part("tabulate", "tabulate", "tables"),
    Part("matplotlib", "matplotlib", "plots"),
    Part("py3langid", "py3langid", "language identification"),
    Part("charset_normalizer", "charset-normalizer", "encodings of files"),
    Part("safetensors", "safetensors", "bundles"),
)
OPTIONAL_PARTS = (
    Part("transformers", "transformers", "BERTScore, translators hf:", needed=False),
    Part("tokenizers", "tokenizers", "WordPiece", needed=False),
    Part("bert_score", "bert-score", "BERTScore", needed=False),
    Part("ot", "POT", "MoverScore", needed=False),
    Part("jieba", "jieba", "ROUGE protocol xlsum, Chinese", needed=False),
    Part("fugashi", "fugashi", "ROUGE protocol xlsum, Japanese", needed=False),
    Part("unidic_lite", "unidic-lite", "ROUGE protocol xlsum, Japanese", needed=False),
    Part("pythainlp", "pythainlp", "ROUGE protocol xlsum, Thai", needed=False),
    Part("statsmodels", "statsmodels", "human evaluation", needed=False),
    Part("pyarrow", "pyarrow", "Parquet files", needed=False),
    Part("openpyxl", "openpyxl", "workbooks (.xlsx)", needed=False),
    Part("datatrove", "datatrove", "round trips", needed=False),
    Part("orjson", "orjson", "round trips", needed=False),
    Part("xxhash", "xxhash", "round trips", needed=False),
    Part("ctranslate2", "ctranslate2", "export --format ct2, translators ct2:", needed=False),
    Part("fastBPE", "fastBPE", "translators fairseq: with fastBPE codes", needed=False),
    Part("google.protobuf", "protobuf", "tokenizers of pretrained encoders", needed=False),
    Part("fastapi", "fastapi", "mclas serve", needed=False),
    Part("fastapi_offline", "fastapi-offline", "mclas serve", needed=False),
    Part("uvicorn", "uvicorn", "mclas serve", needed=False),
    Part("prometheus_client", "prometheus-client", "mclas serve", needed=False),
    Part("ray", "ray", "round trips on Ray", needed=False),
    Part("nbclient", "nbclient", "the example notebook", needed=False),
    Part("nbformat", "nbformat", "the example notebook", needed=False),
    Part("ipykernel", "ipykernel", "the example notebook", needed=False),
)
TESTED_TORCH = "2.13.0"
FAIRSEQ = "fairseq-fixed==0.12.3.1"
PYTHONS = ((3, 11), (3, 12))


def pip(python: str, *words: str) -> str:
    """The command line that runs pip in the environment of the interpreter `python`."""
    return shlex.join([python, "-m", "pip", *words])


def python_row(version: tuple[int, ...], executable: str) -> Row:
    """Judge the interpreter."""
    found = f"{'.'.join(map(str, version))} ({executable})"
    if version[:2] in PYTHONS:
        return Row("python", State.OK, found)
    remedy = "make a new environment with Python 3.11 or 3.12: python3.11 -m venv .venv"
    return Row("python", State.BROKEN, found, remedy)


def package_row(part: Part, finding: Finding, python: str) -> Row:
    """Judge a package by its version and by what importing it said."""
    about = f"({part.purpose})"
    if finding.version is None:
        state = State.MISSING if part.needed else State.ABSENT
        remedy = pip(python, "install", part.distribution) if part.needed else ""
        return Row(part.distribution, state, f"not installed {about}", remedy)
    if finding.error is not None:
        again = pip(
            python, "install", "--force-reinstall", f"{part.distribution}=={finding.version}"
        )
        state = State.BROKEN if part.needed else State.WARNING
        found = f"{finding.version} cannot be imported: {finding.error} {about}"
        return Row(part.distribution, state, found, again)
    return Row(part.distribution, State.OK, f"{finding.version} {about}")


def torch_row(finding: Finding, python: str) -> Row:
    """Judge torch: there, importable, of the version this package is tested with."""
    install = pip(python, "install", f"torch=={TESTED_TORCH}")
    if finding.version is None:
        return Row("torch", State.MISSING, "not installed", install)
    if finding.error is not None:
        remedy = pip(python, "install", "--force-reinstall", f"torch=={TESTED_TORCH}")
        return Row("torch", State.BROKEN, f"{finding.version}: {finding.error}", remedy)
    found = f"{finding.version} ({finding.detail})"
    if finding.version.split("+")[0] != TESTED_TORCH:
        return Row("torch", State.WARNING, f"{found}; tested with {TESTED_TORCH}", install)
    return Row("torch", State.OK, found)


def fairseq_row(
    flavours: Mapping[str, str], finding: Finding, python: str, compiler: Optional[str]
) -> Row:
    """Judge fairseq and its flavour.

    Args:
        flavours: installed distributions that are imported as `fairseq`, name to version.
        finding: what came of importing it.
        python: the interpreter that the remedy is written for.
        compiler: the C++ compiler found, None without.
    """
    install = (
        f"{pip(python, 'install', 'numpy', 'cython', 'wheel', 'setuptools<81')} && "
        f"{pip(python, 'install', '--no-build-isolation', '--no-deps', FAIRSEQ)}"
    )
    if compiler is None:
        install = f"sudo apt-get install g++ && {install}"
    remove = pip(python, "uninstall", "-y", *sorted(flavours))
    found = ", ".join(f"{name} {version}" for name, version in sorted(flavours.items()))
    if not flavours and finding.error is not None:
        return Row("fairseq", State.MISSING, "not installed", install)
    if len(flavours) > 1:
        found = f"{found}: both write into the same folder"
        return Row("fairseq", State.BROKEN, found, f"{remove} && {install}")
    if finding.error is not None:
        found = f"{found} cannot be imported: {finding.error}"
        return Row("fairseq", State.BROKEN, found, f"{remove} && {install}")
    found = f"{found or 'of unknown origin'} ({finding.detail})"
    if list(flavours.items()) != [tuple(FAIRSEQ.split("=="))]:
        found = f"{found}; tested with {FAIRSEQ}"
        undo = f"{remove} && " if flavours else ""
        return Row("fairseq", State.WARNING, found, f"{undo}{install}")
    return Row("fairseq", State.OK, found)


def compiler_row(compiler: Optional[str], fairseq_works: bool) -> Row:
    """Judge the C++ compiler, which only installing fairseq needs."""
    if compiler is not None:
        return Row("C++ compiler", State.OK, compiler)
    if fairseq_works:
        return Row("C++ compiler", State.ABSENT, "none (only installing fairseq needs one)")
    remedy = "sudo apt-get install g++"
    return Row("C++ compiler", State.MISSING, "none (installing fairseq needs one)", remedy)


def torchaudio_row(finding: Finding, python: str) -> Optional[Row]:
    """Warn of a torchaudio that cannot be imported; None when there is nothing to say."""
    if finding.version is None or finding.error is None:
        return None
    found = (
        f"{finding.version} cannot be imported beside this torch ({finding.error}); text does not "
        "need it, and transformers fails with it"
    )
    return Row("torchaudio", State.WARNING, found, pip(python, "uninstall", "-y", "torchaudio"))


def check_row(part: str, finding: Finding, reinstall: str, *, possible: bool) -> Row:
    """Judge what was tried of this package itself.

    Args:
        part: name of the check.
        finding: what came of it.
        reinstall: the command that installs this package again, with what it needs.
        possible: False when something it needs does not work.
    """
    if not possible:
        return Row(part, State.BROKEN, "not tried", "mend torch and fairseq first")
    if finding.error is not None:
        return Row(part, State.BROKEN, finding.error, reinstall)
    return Row(part, State.OK, finding.detail)
