"""Records as prompted work reads them, and what is trimmed."""

import json
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.binarize.trimming import choose_entries
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.mglm.prompts import prompt_ids
from mclas_fairseq.mglm.symbols import ENTRIES
from tests.mglm.texts import make_text_bin


def record(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "document": {"en": f"enaa enbb encc {number}."},
        "summary": {"en": [f"enaa {number}"], "de": [f"deaa {number}"]},
        **more,
    }


RECORDS = [
    record(1, translation={"de": ["deaa debb 1."]}),
    record(2),
    record(3, translation={"de": ["deaa debb 3."]}),
]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prompted")
    text = make_text_bin(folder).folder
    path = folder / "records.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in RECORDS), encoding="utf-8")
    options = PrepareOptions(
        "en", ("de",), folder / "records", {"train": (path,)}, like=text, max_unknown=1.0
    )
    prepare(options)
    return options.out


def test_trimming_keeps_commands_bytes_and_prompts(records: Path) -> None:
    data_bin = DataBin.open(records)
    prompts = {"de": "{document} italala: [sMASK]"}
    kept = choose_entries(data_bin, {}, prompted=prompt_ids(prompts, data_bin)).kept
    entries = {data_bin.dictionary[int(number)] for number in kept}
    assert {*ENTRIES.values(), "<0x00>", "<0xFF>"} <= entries
    assert set(data_bin.tokenizer.encode("italala:", "de")) <= entries
    assert len(kept) < len(data_bin.dictionary)
