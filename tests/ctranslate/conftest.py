"""Random models of 0.1.0's fixture, on torch and in CTranslate2's form."""

import gzip
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import mclas_fairseq
from mclas_fairseq.bundles.card import CardDetails
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.exporting import export_bundle
from mclas_fairseq.inference.summarizer import Summarizer

FIXTURE = Path(__file__).resolve().parents[1] / "compatibility" / "v0_1"
FORMS = ("float32", "int8", "bfloat16")

mclas_fairseq.register()  # its names stand in fairseq's registries


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fixture, with its checkpoints unpacked."""
    folder = tmp_path_factory.mktemp("old") / "v0_1"
    shutil.copytree(FIXTURE, folder)
    for packed in folder.glob("checkpoints/*.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    return folder


Exported = Callable[[str], Path]


@pytest.fixture(scope="session")
def exported(old: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Gives the bundle of one of the fixture's models, in all forms."""

    @cache
    def bundle(name: str) -> Path:
        out = tmp_path_factory.mktemp("bundles") / name
        export_bundle(
            old / "checkpoints" / f"{name}.pt",
            old / "data-bin",
            out,
            CardDetails(name=name),
            options=DecodingOptions(beam=2, max_len_b=12),
            forms=FORMS,
        )
        return out

    return bundle


@pytest.fixture(scope="session")
def on_torch(old: Path) -> Callable[[str, DecodingOptions], Summarizer]:
    """Gives the same model as it was trained."""

    def load(name: str, options: DecodingOptions) -> Summarizer:
        checkpoint = old / "checkpoints" / f"{name}.pt"
        return Summarizer.load([checkpoint], old / "data-bin", options, device="cpu")

    return load


@pytest.fixture(scope="session")
def documents() -> list[str]:
    """Documents of many lengths, one of them longer than what the models read."""
    rows = generate("easy", "test", 24, 7)
    texts = [" ".join(row["document"]["en"]) for row in rows]  # type: ignore[index]
    return [*texts, "Today .", texts[0] * 6]
