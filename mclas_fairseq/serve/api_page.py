"""The interactive page of the interface at `/docs`: Swagger UI, as fastapi-offline brings it.

FastAPI's own page loads script and style from a content network; here they are the server's, and
the page's policy allows no other server. Swagger UI sets styles on its elements, so that they
cannot be named by their SHA-256 as those of the page at `/` are.
"""

import base64
import hashlib
import re
from importlib.resources import files

from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def add_api_page(app: FastAPI) -> None:
    """Serve the page, and the two files that it loads."""
    static = files("fastapi_offline").joinpath("static")
    html = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=app.title,
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="data:,",
    )
    text = bytes(html.body).decode("utf-8")
    headers = {"Content-Security-Policy": _policy(text), "Cache-Control": "no-cache"}

    @app.get("/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(text, headers=headers)

    def add_file(name: str, kind: str) -> None:
        content = static.joinpath(name).read_bytes()

        @app.get(f"/docs/{name}", include_in_schema=False)
        async def file() -> Response:
            return Response(content, media_type=kind, headers={"Cache-Control": "max-age=86400"})

    for name, kind in _FILES.items():
        add_file(name, kind)


def _policy(text: str) -> str:
    digests = [hashlib.sha256(body.encode("utf-8")).digest() for body in _SCRIPT.findall(text)]
    own = " ".join(f"'sha256-{base64.b64encode(one).decode('ascii')}'" for one in digests)
    return (
        f"default-src 'none'; script-src 'self' {own}; style-src 'self' 'unsafe-inline';"
        " connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )
