"""Options by flag, environment and file: who goes before whom, and what is refused."""

import logging
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.serve.configuration import configure

FILE = """
bundle = ["news", "/srv/talks"]
port = 9000
max-queue = 50
max_documents = 5
timeout = 7
api-key-file = "keys.txt"
on-long = "windows"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "serve.toml"
    path.write_text(FILE)
    return path


def test_flags_then_environment_then_file_then_defaults(file: Path) -> None:
    environ = {"MCLAS_SERVE_MAX_QUEUE": "60", "MCLAS_SERVE_PORT": "9001", "OTHER": "x"}
    environ["MCLAS_SERVE_TIMEOUT"] = ""  # as good as not given
    flags: dict[str, Any] = {"port": 9002, "max_queue": None, "bundle": []}
    found = configure(flags, environ, file)
    assert found.address.port == 9002
    assert found.settings.max_queue == 60
    assert (found.settings.max_documents, found.settings.timeout) == (5, 7.0)
    assert (found.settings.max_beam, found.settings.on_long) == (16, "windows")
    assert found.bundles == (file.parent / "news", Path("/srv/talks")), "relative to the file"
    assert found.address.api_key_file == file.parent / "keys.txt"


def test_the_environment_names_bundles_and_the_file(file: Path) -> None:
    found = configure({}, {"MCLAS_SERVE_CONFIG": str(file), "MCLAS_SERVE_BUNDLE": "a:b/c"})
    assert found.bundles == (Path("a"), Path("b/c"))
    assert found.settings.max_queue == 50
    assert configure({"bundle": [Path("x")]}, {}).bundles == (Path("x"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max-queues = 5", "max-queues: must be one of bundle, host, port"),
        ('max-queue = "5"', "max-queue: must be a whole number, met '5'"),
        ("max-queue = true", "max-queue: must be a whole number, met True"),
        ("timeout = [1]", "timeout: must be a number"),
        ("host = 5", "host: must be a text in quotes"),
        ("bundle = [5]", "bundle: must be folders"),
        ("port 5", "must be a readable TOML file"),
        ("port = 70000", "--port 70000: it must lie between 0 and 65535"),
        ("max-queue = 0", "--max-queue 0: it must be at least 1"),
        ('on-long = "half"', "on_long 'half': must be one of truncate"),
    ],
)
def test_files_that_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "serve.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        configure({"bundle": [Path("x")]}, {}, path)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"MCLAS_SERVE_MAX_QUEUE": "many"}, "MCLAS_SERVE_MAX_QUEUE 'many': must be a whole number"),
        ({"MCLAS_SERVE_PORT": "tcp://10.0.0.1:80"}, "where a service is called mclas-serve"),
        ({"MCLAS_SERVE_CONFIG": "/no/such/file"}, "--config /no/such/file.*No such file"),
    ],
)
def test_environments_that_cannot_be(environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        configure({"bundle": [Path("x")]}, environ)


def test_no_bundle_anywhere() -> None:
    with pytest.raises(ConfigError, match="needs a bundle, but none is given; name the folder"):
        configure({"bundle": []}, {})


def test_an_unknown_variable_is_told(caplog: pytest.LogCaptureFixture) -> None:
    given: dict[str, Any] = {"bundle": [Path("x")]}
    with caplog.at_level(logging.WARNING):
        configure(given, {"MCLAS_SERVE_SERVICE_HOST": "10.0.0.1"})
    assert "MCLAS_SERVE_SERVICE_HOST: is no option" in caplog.text
