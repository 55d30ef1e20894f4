"""What `examples/serve` names exists: options, paths, numbers. No container is started."""

import re
import shlex
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mclas_fairseq.cli import build_parser
from mclas_fairseq.serve.configuration import PREFIX, configure
from mclas_fairseq.serve.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "serve"


def read(name: str) -> Any:
    return OmegaConf.to_container(OmegaConf.load(FOLDER / name))


def flags_of(words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = vars(build_parser().parse_args(["serve", *words]))
    return found


def test_the_file_of_options_is_read() -> None:
    found = configure({}, {}, FOLDER / "serve.toml")
    assert found.bundles == (FOLDER / "bundles" / "news",)
    assert found.settings.max_queue == 256


def test_the_unit_starts_and_ends_the_server() -> None:
    text = (FOLDER / "mclas-serve.service").read_text(encoding="utf-8")
    lines = dict(re.findall(r"^(\w+)=(.*)$", text, re.M))
    program, command, *words = shlex.split(lines["ExecStart"])
    assert (program, command) == ("/opt/mclas/bin/mclas", "serve")
    assert flags_of(words)["grace"] < float(lines["TimeoutStopSec"])
    assert lines["ExecReload"].startswith("/bin/kill -HUP")


def test_containers_are_given_options_that_there_are() -> None:
    service = read("compose.yaml")["services"]["mclas"]
    variables = {key: value for key, value in service["environment"].items() if PREFIX in key}
    found = configure(flags_of(service["command"]), variables)
    assert found.settings.grace < float(service["stop_grace_period"].removesuffix("s"))
    assert str(found.address.api_key_file) == "/run/secrets/keys"
    assert (FOLDER / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert (FOLDER / service["build"]["context"]).resolve() == ROOT


def test_the_image_is_made_of_files_that_there_are() -> None:
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M)
    names = [name for line in copied for name in line.split()]
    assert len(names) >= 4
    assert all((ROOT / name).exists() for name in names)
    assert all((ROOT / name).is_file() for name in re.findall(r"requirements/\S+\.txt", text))
    assert f"{PREFIX}HOST=0.0.0.0" in text


def test_alarms_are_about_numbers_that_there_are() -> None:
    known = {
        name
        for family in Metrics(lambda: 0, lambda: 0.0).registry.collect()
        for name in (family.name, f"{family.name}_total", f"{family.name}_bucket")
    }
    rules = read("alerts.yml")["groups"][0]["rules"]
    named = {name for rule in rules for name in re.findall(r"mclas_\w+", rule["expr"])}
    assert len(named) >= 4
    assert named <= known
    (scraped,) = read("prometheus.yml")["scrape_configs"]
    assert scraped["static_configs"][0]["targets"] == ["mclas:8000"]
