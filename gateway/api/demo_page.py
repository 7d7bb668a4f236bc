"""The demo page and its scripts, under a policy that lets them do little."""

from collections.abc import Sequence
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        # Text that becomes markup or a script is an error, whichever line of the page does it.
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
"""Of the page and its scripts; `transports.heads.ALWAYS` comes to it."""


def page_routes() -> Sequence[BaseRoute]:
    """Make the routes of the page and its folder."""
    folder = _static_folder()

    async def page(_request: Request) -> Response:
        return FileResponse(folder / "demo.html", headers=PAGE_HEADERS)

    return [Route("/", page), Mount("/static", _with_page_headers(StaticFiles(directory=folder)))]


def _static_folder() -> Path:
    """Find the page and its scripts: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "static"
    return inside if inside.is_dir() else package.parent / "static"


def _with_page_headers(files: ASGIApp) -> ASGIApp:
    """Put static files under the page's own policy."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(PAGE_HEADERS)
            await send(message)

        await files(scope, receive, send_with_headers)

    return serve
