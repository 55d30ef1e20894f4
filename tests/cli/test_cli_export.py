"""mclas export and mclas summarize --model: what they refuse before a model is loaded."""

from pathlib import Path

import pytest

from mclas_fairseq.cli import main


def error(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 2
    return capsys.readouterr().err.strip()


def test_several_checkpoints_are_not_one_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    found = error(capsys, "export", "--checkpoint", "a.pt", "b.pt", "--data", "d", "--out", out)
    assert found == (
        "mclas export: error: --checkpoint: a bundle holds one checkpoint, but 2 are given; make "
        "one of them with mclas average, or export each"
    )


def test_existing_folder_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter.txt").write_text("dear")
    command = ("export", "--checkpoint", "a.pt", "--data", "d", "--out", out)
    assert f"--out: must not exist yet, but {out} does; choose another" in error(capsys, *command)
    found = error(capsys, *command, "--overwrite")
    assert "--overwrite replaces a bundle (a folder with bundle.json) or an empty folder" in found
    assert (out / "chapter.txt").read_text() == "dear"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    assert "must not exist yet" in error(capsys, *command[:-1], link)


def test_missing_checkpoint_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    found = error(capsys, "export", "--checkpoint", "a.pt", "--data", tmp_path, "--out", out)
    assert "checkpoint a.pt: the file does not exist" in found
    assert list(tmp_path.iterdir()) == []


def test_summarize_takes_a_bundle_or_a_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    found = error(capsys, "summarize", "--model", "b", "--checkpoint", "a.pt", "--data", "d")
    assert "--model: a bundle brings all it needs, but --checkpoint and --data are given" in found
    found = error(capsys, "summarize", "--checkpoint", "a.pt")
    assert "(--checkpoint, --data), but has --checkpoint and has no --data; give one or" in found
    assert "has no --checkpoint and has no --data" in error(capsys, "summarize")


def test_a_folder_that_is_no_bundle_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "must have a bundle.json, but has nothing" in error(
        capsys, "summarize", "--model", tmp_path
    )
