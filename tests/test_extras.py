"""Optional packages: imported when used, and a clear line when they are not there."""

import sys
from pathlib import Path

import pytest

from mclas_fairseq.errors import SetupError
from mclas_fairseq.extras import require


def test_require_gives_the_module() -> None:
    assert require("json.decoder", extra="metrics", purpose="--json").__name__ == "json.decoder"


def test_missing_package_is_named_with_purpose_and_remedy() -> None:
    with pytest.raises(SetupError) as caught:
        require("no_such_package.part", extra="metrics", purpose="--bertscore")
    assert str(caught.value) == (
        "--bertscore: needs the package no_such_package, which is not installed; "
        "pip install 'mclas-fairseq[metrics]'"
    )


def test_a_package_that_lacks_something_itself_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_there.py").write_text("import surely_not_there\n", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ModuleNotFoundError, match="surely_not_there"):
        require("half_there", extra="metrics", purpose="--bertscore")
