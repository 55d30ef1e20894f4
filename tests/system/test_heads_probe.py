"""mclas heads probe: every file, both decoders of NCLS+MS, controls, ablation, what is refused."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from mclas_fairseq.heads.gates import gated, gates_without
from mclas_fairseq.heads.losses import batches, example_losses
from mclas_fairseq.heads.probe.ablation import ablate
from mclas_fairseq.heads.probe.controls import randomise_decoders
from mclas_fairseq.heads.probe.documents import Probed, documents, with_other_summaries
from mclas_fairseq.inference.loading import load_checkpoints

if TYPE_CHECKING:
    from tests.system.conftest import Toy


def run(toy: "Toy", out: Path, *words: object, checkpoint: Path | None = None) -> str:
    model = ("--checkpoint", checkpoint or toy.trained("mclas"))
    return toy.mclas("heads", "probe", *model, "--data", toy.data_bin, "--out", out, *words)


def read(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "heads.json").read_text())
    return found


@pytest.fixture(scope="module")
def probed(toy: "Toy", tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    out = tmp_path_factory.mktemp("probe") / "heads"
    return run(toy, out, "--ablate", "--draws", 3), out


def test_all_is_written(toy: "Toy", probed: tuple[str, Path]) -> None:
    printed, out = probed
    for line in ("translation", "local", "self", "summarization", "other"):
        assert f"\n  {line} " in printed
    assert "23 of 48 (47.9%)" in printed
    assert "20 of 48 (41.7%)" in printed
    found = read(out)
    names = [row["head"] for row in found["heads"]]
    assert names == [
        f"decoder.0.{kind}.{number}" for kind in ("self", "cross") for number in (0, 1)
    ]
    rows = list(csv.DictReader((out / "heads.csv").open()))
    assert [row["head"] for row in rows] == names
    for row, told in zip(rows, found["heads"], strict=True):
        for name, value in told["statistics"].items():
            assert row[name] == ("" if value is None else f"{value:.6g}")
    assert (out / "heads.png").read_bytes().startswith(b"\x89PNG")
    page = (out / "heads.html").read_text()
    assert page.count('class="head') == 4
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")  # nothing is fetched
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert len(data["documents"]) == 3
    document = data["documents"][0]["of"]["decoder.0.self"]
    assert "[LSEP]" in document["rows"]
    assert len(document["maps"]) == 2


def test_it_is_the_same_twice_and_from_a_bundle(
    toy: "Toy", probed: tuple[str, Path], tmp_path: Path
) -> None:
    bundle, out = tmp_path / "bundle", tmp_path / "heads"
    model = ("--checkpoint", toy.trained("mclas"), "--data", toy.data_bin)
    toy.mclas("export", *model, "--out", bundle)
    words = ("--data", toy.data_bin, "--out", out, "--ablate", "--draws", 3)
    toy.mclas("heads", "probe", "--model", bundle, *words)
    first, second = read(probed[1]), read(out)
    assert first.pop("about") != second.pop("about")
    assert first == second


def test_two_decoders_have_cross_attention_alone(toy: "Toy", tmp_path: Path) -> None:
    flags = ("--arch", "ncls_ms_tiny", "--target-layout", "ncls_ms")
    checkpoint = toy.train("probed-two", *flags) / "checkpoint_last.pt"
    run(toy, tmp_path / "two", "--ablate", checkpoint=checkpoint)
    found = read(tmp_path / "two")
    assert set(found["kinds"]) == {"cross"}
    values = {row["head"]: row["statistics"] for row in found["heads"]}
    assert list(values) == [
        f"{one}.0.cross.{n}" for one in ("decoder", "ms_decoder") for n in (0, 1)
    ]
    assert values["ms_decoder.0.cross.0"]["content_b_in"] is None
    assert values["ms_decoder.0.cross.0"]["content_a_in"] is not None
    assert values["decoder.0.cross.0"]["content_a_out"] is None


def test_controls_change_what_they_say(
    toy: "Toy", probed: tuple[str, Path], tmp_path: Path
) -> None:
    whole = read(probed[1])
    for control in ("random-decoder", "other-summaries"):
        run(toy, tmp_path / control, "--control", control)
        found = read(tmp_path / control)
        assert found["about"]["control"] == control
        assert found["heads"] != whole["heads"]
        # links are of the document's own summaries, where the other has such a word
        assert 0 < found["links"] <= whole["links"]
        assert (control == "random-decoder") is (found["links"] == whole["links"])


def test_a_random_decoder_keeps_the_encoder(toy: "Toy") -> None:
    [model] = load_checkpoints([toy.trained("mclas")], toy.data_bin).models
    before = {name: value.clone() for name, value in model.state_dict().items()}
    randomise_decoders(model)
    changed = {name for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert changed
    assert all(name.startswith("decoder.layers.") for name in changed)
    for name in ("self_attn.q_proj", "self_attn.out_proj", "encoder_attn.k_proj", "fc1", "fc2"):
        assert f"decoder.layers.0.{name}.weight" in changed


def test_maps_are_cut_to_each_document(toy: "Toy") -> None:
    """Documents of a batch are as alone, and rows sum to 1."""
    system = load_checkpoints([toy.trained("mclas")], toy.data_bin)
    alone, together = (
        list(documents(Probed(system.task, system.models[0].eval(), "valid", 6, size)))
        for size in (1, 6)
    )
    assert len(alone) == 6
    for one in together:
        [own] = [other for other in alone if other.name == one.name]
        assert (own.first, own.second, own.source) == (one.first, one.second, one.source)
        length = len(one.first.pieces) + len(one.second.pieces) + 2
        assert own.maps["decoder.0.self"].shape == (2, length, length)
        assert own.maps["decoder.0.cross"].shape == (2, length, len(one.source.pieces))
        for place, maps in own.maps.items():
            np.testing.assert_allclose(maps, one.maps[place], atol=1e-5)
            np.testing.assert_allclose(maps.sum(-1), 1, atol=1e-5)


def test_other_summaries_are_of_other_documents(toy: "Toy") -> None:
    task = load_checkpoints([toy.trained("mclas")], toy.data_bin).task
    task.load_dataset("valid", epoch=1)
    samples = [task.datasets["valid"][number] for number in range(5)]
    changed = with_other_summaries(task)(samples)
    separator = task.data_bin.separator
    halves = [
        [" ".join(map(str, one["target"].tolist())).split(f" {separator} ") for one in rows]
        for rows in (samples, changed)
    ]
    for number, (own, new) in enumerate(zip(*halves, strict=True)):
        assert new[1] == own[1]
        assert new[0] == halves[0][(number + 2) % 5][0]


def test_ablation_is_the_loss_without_the_heads(toy: "Toy") -> None:
    system = load_checkpoints([toy.trained("mclas")], toy.data_bin)
    [model] = system.models
    probed = Probed(system.task, model.eval(), "valid", 0, 4)
    kinds = ("self", "cross")
    heads = {kind: [f"decoder.0.{kind}.{number}" for number in (0, 1)] for kind in kinds}
    groups = {
        ("self", "local"): heads["self"][:1],
        ("self", "self"): [],
        ("cross", "summarization"): heads["cross"],
    }
    encoded: list[int] = []
    network: Any = model
    hook = network.encoder.layers[0].register_forward_hook(lambda *_: encoded.append(1))
    found = ablate(probed, groups, heads, draws=2)
    hook.remove()
    assert len(encoded) == 2 * len(list(probed.batches()))  # once for each batch of two labels
    assert "forward" not in vars(network.encoder)

    def losses(without: Sequence[str]) -> list[float]:
        parts = []
        with torch.no_grad(), gated(model, gates_without(model, without)):
            for batch in batches(system.task, "valid", documents=0, batch_size=16):
                own = example_losses(system.task, model, batch)
                parts.append(torch.stack([own["en"], own["de"]]))
        return [float(value) for value in torch.cat(parts, 1).mean(1)]

    whole = losses([])
    assert [one.label for one in found] == ["local", "summarization"]
    for one in found:
        rise = [after - before for after, before in zip(losses(one.heads), whole, strict=True)]
        assert [one.first.mean, one.second.mean] == pytest.approx(rise, abs=1e-5)
        assert one.second.low <= one.second.mean <= one.second.high
        assert one.second_less_first.mean == pytest.approx(rise[1] - rise[0], abs=1e-5)
    # One other self-attention head is too few for two draws, so that all others are drawn from:
    # three sets of one for the first, the only set of two for the second.
    assert [one.draws for one in found] == [2, 1]
    assert found[0].pool == "other heads of the decoder"
    assert found[1].pool == "all sets of other heads of the decoder"
    second = found[1]
    assert second.random_second is not None
    assert second.second_less_random is not None
    others = losses(heads["self"])[1] - whole[1]
    assert second.random_second.mean == pytest.approx(others, abs=1e-5)
    assert second.second_less_random.mean == pytest.approx(second.second.mean - others, abs=1e-5)


def test_ablation_reads_fewer_documents_for_the_same_labels(
    toy: "Toy", probed: tuple[str, Path], tmp_path: Path
) -> None:
    words = ("--ablate", "--draws", 3, "--ablate-documents", 2)
    run(toy, tmp_path / "fewer", *words)
    fewer, whole = read(tmp_path / "fewer"), read(probed[1])
    assert fewer["heads"] == whole["heads"]  # labels are of all documents
    told = [
        [(one["label"], one["heads"]) for one in found["ablations"]] for found in (fewer, whole)
    ]
    assert told[0] == told[1]
    values = [[one["first"]["mean"] for one in found["ablations"]] for found in (fewer, whole)]
    assert values[0] != values[1]


def test_labels_are_compared_with_a_ranking(toy: "Toy", tmp_path: Path) -> None:
    table = tmp_path / "heads.csv"
    one = ("--checkpoint", toy.trained("mclas"), "--data", toy.data_bin)
    toy.mclas("heads", "rank", *one, "--csv", table)
    printed = run(toy, tmp_path / "ranked", "--ranking", table, "--show", "valid/2")
    assert "in the mean" in printed
    assert '"id":"valid/2"' in (tmp_path / "ranked" / "heads.html").read_text()


def test_what_cannot_be_done_is_said(
    toy: "Toy", probed: tuple[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mclas_fairseq.cli import main

    def error(*words: object, checkpoint: str = "mclas", out: Path = tmp_path / "no") -> str:
        model = ("--checkpoint", toy.trained(checkpoint), "--data", toy.data_bin, "--out", out)
        assert main([str(word) for word in ("heads", "probe", *model, *words)]) == 2
        return capsys.readouterr().err

    assert "must be of --target-layout mclas or ncls_ms" in error(checkpoint="ms")
    assert "heads.csv must not exist yet, but does" in error(out=probed[1])
    assert "--show nothing: must be the id of a document" in error("--show", "nothing")
    assert "--draws 0: the first two must be 0 or more, the others 1" in error("--draws", 0)
    assert "--ablate-documents -1" in error("--ablate-documents", -1)
    links = tmp_path / "links.jsonl"
    links.write_text('{"id": "valid/0", "links": ["0-0"]}\n')
    assert "must have links of every document that is probed" in error("--links", links)
    table = tmp_path / "heads.csv"
    table.write_text(
        f"# mclas heads rank,{'0' * 64},gate,l1\nrank,head,all\n1,encoder.0.self.0,0\n"
    )
    assert "but is of other weights" in error("--ranking", table)
    assert not (tmp_path / "no").exists()
