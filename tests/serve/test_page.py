"""The page as it is sent; what it does in a browser: `make test-browser`."""

import base64
import hashlib
import re
from collections.abc import Callable

from tests.serve.conftest import Served


def test_only_the_pages_own_script_and_style_may_run(serve: Callable[..., Served]) -> None:
    answer = serve().client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    for tag in ("script", "style"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_page_asks_for_nothing_from_elsewhere(serve: Callable[..., Served]) -> None:
    text = serve().client.get("/").text
    assert not re.findall(r"(?:https?:)?//[a-z]", re.sub(r"^\s*//.*|  // .*", "", text, flags=re.M))
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text)
    assert not re.findall(r"\s(?:style|on[a-z]+)=", text), "the policy forbids them"


def test_the_interactive_page_is_of_this_server_alone(serve: Callable[..., Served]) -> None:
    client = serve().client
    answer = client.get("/docs")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}'" in policy
    assert "http" not in policy
    assert not re.findall(r"(?:href|src)=\"(?:https?:)?//", answer.text)
    loaded = re.findall(r"(?:href|src)=\"(docs/[^\"]+)\"", answer.text)
    assert len(loaded) == 2
    for name in loaded:
        assert client.get(f"/{name}").status_code == 200
