"""The demo page, the console, the page of the API, and their scripts, under a strict content security policy."""

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.bundled_files import bundled_path

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        # Trusted Types (W3C): converting a string to markup or a script is an error, in every line of the page.
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), "
        "microphone=(), midi=(), payment=(), serial=(), usb=()"
    ),
    "Referrer-Policy": "no-referrer",
}
"""Headers of the page and its scripts; `middleware.headers` adds `DEFAULT_HEADERS`."""


def page_routes() -> Sequence[BaseRoute]:
    """Build the routes of the pages and their static files."""
    directory = bundled_path("static", "static")

    async def demo(_request: Request) -> Response:
        return FileResponse(directory / "demo.html", headers=PAGE_HEADERS)

    async def console(_request: Request) -> Response:
        return FileResponse(directory / "console.html", headers=PAGE_HEADERS)

    async def api(_request: Request) -> Response:
        return FileResponse(directory / "api.html", headers=PAGE_HEADERS)

    # The modules are small and many: compressed, all of them are a third of their size.
    files = GZipMiddleware(StaticFiles(directory=directory), minimum_size=1024, compresslevel=6)
    pages = [Route("/", demo), Route("/console", console), Route("/docs", api)]
    return [*pages, Mount("/static", _with_page_headers(files))]


def _with_page_headers(files: ASGIApp) -> ASGIApp:
    """Wrap an application of static files so that its responses have the page's headers."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(PAGE_HEADERS)
            await send(message)

        await files(scope, receive, send_with_headers)

    return serve
