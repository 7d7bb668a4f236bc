"""Read the error of a refused request."""

import aiohttp


async def error_of(response: aiohttp.ClientResponse) -> dict[str, object]:
    """Return the `error` of a JSON body, and check that it has exactly the fields of the protocol."""
    error = (await response.json())["error"]
    assert set(error) == {"code", "message", "retryable", "retry_after_ms", "param"}
    assert isinstance(error, dict)
    return error
