"""Bundles in CTranslate2's form: what is in them, who takes them, what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import mclas_fairseq
from mclas_fairseq.bundles.card import CardDetails
from mclas_fairseq.bundles.config import BundleConfig
from mclas_fairseq.bundles.format import check_bundle, describe_file
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.inference.exporting import convert_bundle, export_bundle
from mclas_fairseq.serve.bundles import Bundles
from mclas_fairseq.serve.searches import choose_search
from tests.ctranslate.conftest import FIXTURE, FORMS
from tests.system.conftest import mclas, read_rows

Exported = Callable[[str], Path]
TEST_SET = FIXTURE / "news" / "test.jsonl"


def test_a_bundle_has_each_form_and_no_weights_for_torch(exported: Exported) -> None:
    files = check_bundle(exported("mclas"))
    assert {name for name in files if name.endswith("model.bin")} == {
        f"ct2/{form}/model.bin" for form in FORMS
    }
    assert "model.safetensors" not in files
    assert json.loads((exported("mclas") / "bundle.json").read_text())["format_version"] == 2
    assert BundleConfig.load(exported("mclas")).forms == list(FORMS)


def test_two_vocabularies_cost_rows_of_one_embedding_and_nothing_twice(exported: Exported) -> None:
    """Against a model of one summary: no more than the rows that names of both languages take."""
    files = {name: check_bundle(exported(name)) for name in ("mclas", "ncls")}
    one, two = (files[name]["ct2/float32/model.bin"].size for name in ("ncls", "mclas"))
    names = {
        name: json.loads((exported(name) / "ct2/float32/shared_vocabulary.json").read_text())
        for name in files
    }
    rows = len(names["mclas"]) - len(names["ncls"])
    assert rows > 0
    assert two - one == rows * 8 * 4  # C = 8 numbers of 4 bytes, once for all three embeddings


def test_the_command_makes_a_bundle_that_summarizes_without_another_flag(
    old: Path, tmp_path: Path
) -> None:
    checkpoint = ("--checkpoint", old / "checkpoints/mclas.pt", "--data", old / "data-bin")
    search = ("--beam", 1, "--max-len-b", 12)
    out = tmp_path / "bundle"
    printed = mclas("export", *checkpoint, *search, "--out", out, "--format", "ct2")
    assert "ct2/int8/model.bin" in printed
    assert "float32" not in printed
    mclas("summarize", "--model", out, "-i", TEST_SET, "-o", tmp_path / "found.jsonl")
    mclas("summarize", *checkpoint, *search, "-i", TEST_SET, "-o", tmp_path / "expected.jsonl")
    found, expected = (read_rows(tmp_path / f"{name}.jsonl") for name in ("found", "expected"))
    assert [row["id"] for row in found] == [row["id"] for row in expected]
    same = sum(a["summary"] == b["summary"] for a, b in zip(found, expected, strict=True))
    assert same >= len(expected) // 2  # 8 bits


def test_a_bundle_for_torch_is_converted_with_its_card(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    convert_bundle(FIXTURE / "bundle", out, ["float32"], changes={"beam": 1})
    before = mclas_fairseq.load(
        FIXTURE / "bundle", device="cpu", options=mclas_fairseq.load(out, device="cpu").options
    )
    documents = [" ".join(row["document"]["en"]) for row in read_rows(TEST_SET)]
    assert mclas_fairseq.load(out, device="cpu").options.beam == 1
    found = mclas_fairseq.load(out, device="cpu").summarize(documents)
    assert [one.summary for one in found] == [one.summary for one in before.summarize(documents)]
    card = (out / "README.md").read_text()
    assert card.startswith((FIXTURE / "bundle" / "README.md").read_text())
    assert "CTranslate2's form (float32)" in card
    with pytest.raises(
        CheckpointError, match=r"must be a bundle for torch .*, but is in CTrans.*give"
    ):
        convert_bundle(out, tmp_path / "again", ["int8"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ncls_ms", r"it has two decoders \(layout ncls_ms\)"),
        ("vhm", r"it was trained on several tasks, with or without latent variables \(VHM\)"),
    ],
)
def test_what_ctranslate2_cannot_hold_is_refused_by_name_with_what_to_use(
    name: str, reason: str, old: Path, tmp_path: Path
) -> None:
    message = rf"--format ct2: must be a model that CTranslate2 can hold .*, but {reason}; export"
    with pytest.raises(
        CheckpointError, match=message + " it without --format ct2, .*--precision int8"
    ):
        export_bundle(
            old / "checkpoints" / f"{name}.pt",
            old / "data-bin",
            tmp_path / "bundle",
            CardDetails(name=name),
            forms=["int8"],
        )
    assert not list(tmp_path.iterdir())


def test_a_form_that_is_not_there_is_refused(exported: Exported, tmp_path: Path) -> None:
    convert_bundle(FIXTURE / "bundle", tmp_path / "bundle", ["int8"])
    with pytest.raises(ConfigError, match=r"precision float32: .*form in int8; .*--forms int8,flo"):
        mclas_fairseq.load(tmp_path / "bundle", device="cpu", precision="float32")
    with pytest.raises(ConfigError, match=r"--forms int4: must be some of int8, bfloat16, float32"):
        convert_bundle(FIXTURE / "bundle", tmp_path / "other", ["int4"])


@pytest.mark.parametrize("broken", ["missing", "other vocabularies"])
def test_a_bundle_whose_forms_are_not_whole_is_refused(
    broken: str, tmp_path: Path, exported: Exported
) -> None:
    out = tmp_path / "bundle"
    convert_bundle(FIXTURE / "bundle", out, ["int8"])
    if broken == "missing":
        (out / "ct2/int8/vmap.txt").unlink()
        message = r"must have ct2/int8/vmap.txt, but it is not there; get it again"
    else:
        text = (out / "ct2/int8/vmap.txt").read_text()
        index = json.loads((out / "bundle.json").read_text())
        changed = text.replace("\n", " 3\n", 1)
        (out / "ct2/int8/vmap.txt").write_text(changed)
        index["files"]["ct2/int8/vmap.txt"] = vars(describe_file(out / "ct2/int8/vmap.txt"))
        (out / "bundle.json").write_text(json.dumps(index))
        message = r"ct2/int8/vmap.txt must list the bundle's language vocabularies"
    with pytest.raises(CheckpointError, match=message):
        mclas_fairseq.load(out, device="cpu")


def test_a_server_takes_such_a_bundle_and_searches_it_as_requests_ask(
    exported: Exported, documents: list[str]
) -> None:
    folder = exported("mclas")
    model = Bundles([folder], "cpu", "float32").load()["mclas"]
    assert not model.card.attention
    expected = mclas_fairseq.load(folder, device="cpu", precision="float32")
    search = choose_search(model.card, {}, None)
    encoded = [model.encode(one) for one in documents[:4]]
    assert model.summarize(search, encoded) == expected.summarize(documents[:4])
    short = model.summarize(choose_search(model.card, {"beam": 1, "max_len_b": 2}, None), encoded)
    assert all(one.best.tokens <= 6 for one in short)
    assert model.summarize(search, encoded) == expected.summarize(documents[:4])
    told: list[object] = []
    model.summarize(choose_search(model.card, {"beam": 1}, None), encoded[:2], told.append)  # type: ignore[arg-type]
    assert not told, "words are not told one by one"
