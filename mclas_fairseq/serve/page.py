"""The page at `/`: one file of our own, `page.html`, that asks for nothing from elsewhere.

Its script and style stand in it; the content policy allows these two, by their SHA-256, and nothing
else.
"""

import base64
import hashlib
import re
from importlib.resources import files

from fastapi import FastAPI
from fastapi.responses import HTMLResponse


def add_page(app: FastAPI) -> None:
    """Serve the page."""
    text = files("mclas_fairseq.serve").joinpath("page.html").read_text(encoding="utf-8")
    headers = {"Content-Security-Policy": policy_of(text), "Cache-Control": "no-cache"}

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(text, headers=headers)


def policy_of(text: str) -> str:
    """The content policy of a page: its own script and style, and requests to its own server."""
    script, style = (_digest(text, tag) for tag in ("script", "style"))
    return (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self';"
        " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _digest(text: str, tag: str) -> str:
    (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    digest = hashlib.sha256(body.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
