"""The addresses that clients get as their base URL."""


def url_of(host: str, port: int) -> str:
    """Return the URL of a server that listens on an address or a name."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def sdk_base_urls(url: str) -> str:
    """Return the line that tells which base URL existing SDKs and agents take, by the API that they speak."""
    return f"Base URL for SDKs and agents: {url}/v1 (OpenAI), {url} (Anthropic, Gemini)"


def describe_address(host: str, port: int) -> str:
    """Return the lines that tell where a gateway listens."""
    url = url_of(host, port)
    return f"Dualstream listens on {url}\n{sdk_base_urls(url)}\nDemo page: {url}/   (Ctrl-C stops it)"
