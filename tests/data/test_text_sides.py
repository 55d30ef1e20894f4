"""Plain text in a data-bin: fairseq reads what is written, draws go by length, memory is flat."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fairseq.data import data_utils
from scipy.stats import chisquare

from mclas_fairseq.data.data_bin import DataBin, side_prefix
from mclas_fairseq.data.text_sides import TextSide, TextWriter, open_text, text_side
from mclas_fairseq.errors import DataError
from tests.mglm.texts import make_text_bin

ROWS = [[7, 8, 9], [10], [11] * 6]


def write(folder: Path, entries: int) -> Path:
    with TextWriter(folder, "train", "text-de", entries=entries, eos=2) as writer:
        for row in ROWS:
            writer.add(row)
    assert (writer.documents, writer.tokens) == (3, 13)
    assert writer.counts[[7, 10, 11, 2]].tolist() == [1, 1, 6, 3]
    return folder / side_prefix("train", text_side("de"))


@pytest.mark.parametrize("entries", [100, 70_000])
def test_fairseq_reads_what_is_written(tmp_path: Path, entries: int) -> None:
    prefix = write(tmp_path, entries)
    found = data_utils.load_indexed_dataset(str(prefix))
    assert [found[row].tolist() for row in range(len(found))] == [[*row, 2] for row in ROWS]
    assert found.sizes.tolist() == [4, 2, 7]


def test_an_interrupted_write_leaves_no_index(tmp_path: Path) -> None:
    writer = TextWriter(tmp_path, "train", "text-de", entries=100, eos=2)
    with contextlib.suppress(KeyboardInterrupt), writer:
        writer.add([5])
        raise KeyboardInterrupt
    assert not list(tmp_path.glob("*.idx"))


@pytest.fixture(scope="module")
def text_bin(tmp_path_factory: pytest.TempPathFactory) -> DataBin:
    return make_text_bin(tmp_path_factory.mktemp("texts"))


def test_documents_are_read_without_the_mark_of_their_end(text_bin: DataBin) -> None:
    side = open_text(text_bin, "train", "it")
    prefix = side_prefix("train", text_side("it"))
    theirs = data_utils.load_indexed_dataset(str(text_bin.folder / prefix))
    assert len(side) == len(theirs)
    assert side.tokens == int(theirs.sizes.sum())
    for row in range(len(side)):
        assert side.document(row).tolist() == theirs[row].tolist()[:-1]


def test_a_document_is_drawn_as_often_as_it_is_long() -> None:
    ids = np.array([5, 2, 6, 6, 6, 2, 7, 7, 2], dtype=np.uint16)
    side = TextSide("de", ids, np.array([0, 4, 12]))
    generator = np.random.default_rng(1)
    drawn = np.bincount([int(side.draw(generator)[0]) - 5 for _ in range(900)], minlength=3)
    assert chisquare(drawn, [200, 400, 300]).pvalue > 0.01


def test_what_is_not_there_or_damaged_is_refused(text_bin: DataBin) -> None:
    with pytest.raises(DataError, match="must have plain text in 'fr', but has en, de, it; make"):
        open_text(text_bin, "train", "fr")
    path = text_bin.folder / f"{side_prefix('valid', text_side('de'))}.bin"
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-2] + b"\xff\x00")
        with pytest.raises(DataError, match="must be the file that it was made with"):
            open_text(text_bin, "valid", "de")
    finally:
        path.write_bytes(content)


_CHILD = """
import json, resource, sys
import numpy as np
from pathlib import Path
from mclas_fairseq.data.text_sides import TextSide
ids = np.memmap(sys.argv[1], np.uint16, "r")
begins = np.arange(0, 2 * len(ids), 400, dtype=np.int64)
side = TextSide("xx", ids, begins)
generator = np.random.default_rng(1)
def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1])
for _ in range(50):
    side.draw(generator)
before = anonymous()
for _ in range(4000):
    side.draw(generator)
print(json.dumps(anonymous() - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_drawing_holds_nothing_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "text.bin"
    with path.open("wb") as stream:
        stream.truncate(200_000_000)  # a hole: no disk is used
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(path)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) < 4_000  # kB: 4,000 documents would be 6,400
