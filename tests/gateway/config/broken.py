"""Each configuration error with the smallest file that causes it; `python -m` writes configuration-errors.md."""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.config import ConfigurationError, load

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "configuration-errors.md"
FILE = "dualstream.toml"

HEAD = """# Configuration errors

`dualstream check` and `dualstream serve` report all errors of a configuration at once, ordered by line, and exit with
2. They print the first 20 errors and the number of further ones. An error of a variable or option begins with its name
in place of the line. After a failed reload (SIGHUP) the log contains the same messages, and the former configuration
stays in use.

Generated from `tests/gateway/config/broken.py` by `make config-errors`; a test compares the two.
"""


@dataclass(frozen=True)
class Broken:
    """A file with an error, and the variables and options that are set beside it."""

    title: str
    text: str
    environment: dict[str, str] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)

    def message(self) -> str:
        """Return the message of the error that loading the file raises."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / FILE
            file.write_text(self.text, "utf-8")
            try:
                load(self.options, self.environment, file)
            except ConfigurationError as error:
                return str(error).replace(str(file), FILE)
        raise AssertionError(self.title)


HASH = "0" * 64
ONE_UPSTREAM = '[models.a]\nprovider = "ollama"\n'

BROKEN = [
    Broken("Invalid TOML", "port = 8080\nhost = \n"),
    Broken("Truncated TOML", 'model = [\n  "a",\n'),
    Broken("Unknown setting", "prot = 8080\n"),
    Broken("Unknown key of a table", '[models.a]\nprovider = "ollama"\nupstream_modell = "b"\n'),
    Broken("Unknown key without a similar one", "[models.a]\ncolour = 3\n"),
    Broken("Number out of range", "port = 70000\n"),
    Broken("No workers", "workers = 0\n"),
    Broken("Several workers without a store that they share", "workers = 4\n"),
    Broken("The same by an option", "", options={"workers": 2}),
    Broken("A store of no known kind", 'store = "postgres://localhost"\n'),
    Broken("A store by Sentinels, without its service", 'store = "redis+sentinel://10.0.0.1,10.0.0.2"\n'),
    Broken("Memory for less than one request", "max_prompt_bytes = 1000000\n"),
    Broken("Not a number", 'port = "x"\n'),
    Broken("Single brackets for an entry of a list", "[models.a.upstreams]\n\n[models.a.upstreams]\n"),
    Broken("URL that is not a base URL", '[providers.a]\nbase_url = "https://a.example/v1/chat/completions"\n'),
    Broken("Password in a URL", '[providers.a]\nbase_url = "https://me:hush@a.example/v1"\n'),
    Broken(
        "Password in the URL of an issuer's keys",
        '[jwt]\nalgorithms = ["RS256"]\njwks_url = "https://me:hush@a.example/k"\n',
    ),
    Broken("Password in the URL of an option", "", options={"upstream": "https://hush@a.example/v1"}),
    Broken("Not a Boolean", '[models.a]\nprovider = "ollama"\nfailover = "yes"\n'),
    Broken("Names of tables without their last letter", '[provider.a]\npreset = "vllm"\n\n[model.b]\nprovider = "a"\n'),
    Broken("Alias with a dot, setting below a table", ONE_UPSTREAM + '\n[aliases]\ngpt-4.1 = "a"\nmax_queue = 4\n'),
    Broken("Not one of the allowed values", 'on_disconnect = "maybe"\n'),
    Broken("Not a table", "models = 3\n"),
    Broken("Not a URL", 'upstream = "localhost:9"\n'),
    Broken("Base URL with a key in its query", '[providers.a]\nbase_url = "https://a.example/v1?key=hush"\n'),
    Broken("Base URL with a fragment", '[providers.a]\nbase_url = "https://a.example/v1#top"\n'),
    Broken("Proxy that is no HTTP proxy", 'upstream_proxy = "socks5://proxy.example:1080"\n'),
    Broken(
        "Proxy with a password",
        '[providers.a]\nbase_url = "https://a.example/v1"\nproxy = "http://user:hush@proxy.example:3128"\n',
    ),
    Broken("Unknown API", '[providers.a]\nbase_url = "https://a.example/v1"\napi = "cohere"\n'),
    Broken("Unknown preset", '[providers.a]\npreset = "azure"\n'),
    Broken("Provider without a base URL", "[providers.a]\nconnections = 3\n"),
    Broken("Simulator with a base URL", '[providers.a]\npreset = "simulator"\nbase_url = "http://127.0.0.1:9/v1"\n'),
    Broken("Key in the file", '[providers.a]\npreset = "openai"\napi_key = "sk-secret"\n', {"OPENAI_API_KEY": "x"}),
    Broken(
        "Key in place of the name of its variable",
        '[providers.a]\npreset = "openai"\nkey_variable = "sk-secret"\n',
        {"OPENAI_API_KEY": "x"},
    ),
    Broken("Key variable that is not set", '[providers.a]\npreset = "openai"\nkey_variable = "A_KEY"\n'),
    Broken("Key variable of a preset that is not set", '[models.a]\nprovider = "anthropic"\n'),
    Broken("Key that no header can contain", '[models.a]\nprovider = "deepseek"\n', {"DEEPSEEK_API_KEY": "sk-1\nsk-2"}),
    Broken(
        "Unknown provider",
        '[providers.lab]\nbase_url = "http://127.0.0.1:9/v1"\n\n[models.a]\nprovider = "lap"\n',
    ),
    Broken("Model without a provider", "[models.a]\nfailover = true\n"),
    Broken("Model with both a provider and upstreams", ONE_UPSTREAM + '\n[[models.a.upstreams]]\nprovider = "vllm"\n'),
    Broken(
        "Key of an upstream in a model with several",
        '[models.a]\nupstream_model = "b"\n\n[[models.a.upstreams]]\nprovider = "vllm"\n',
    ),
    Broken("Upstream without a provider", '[[models.a.upstreams]]\nupstream_model = "b"\n'),
    Broken(
        "Duplicate upstream",
        '[[models.a.upstreams]]\nprovider = "vllm"\n\n[[models.a.upstreams]]\nprovider = "vllm"\n',
    ),
    Broken("Empty system prompt", ONE_UPSTREAM + 'system = ""\n'),
    Broken("Unknown option in the defaults", ONE_UPSTREAM + "[models.a.defaults]\ntemprature = 0.3\nmin_p = 0.1\n"),
    Broken("Option outside of the defaults", ONE_UPSTREAM + "temperature = 0.3\n"),
    Broken("Default out of range", ONE_UPSTREAM + "[models.a.defaults]\ntemperature = 3\n"),
    Broken(
        "Default above the maximum of the model",
        ONE_UPSTREAM + "max_output_tokens = 500\n\n[models.a.defaults]\nmax_tokens = 1000\n",
    ),
    Broken("Choice of a tool that is none", ONE_UPSTREAM + '[models.a.defaults]\ntool_choice = "always"\nstop = [1]\n'),
    Broken("Single brackets for a tool", ONE_UPSTREAM + '[models.a.defaults.tools]\ntype = "function"\n'),
    Broken(
        "Tool of a provider",
        ONE_UPSTREAM + '[[models.a.defaults.tools]]\ntype = "web_search"\nfunction = { name = "web_search" }\n',
    ),
    Broken(
        "Tool in the form of another API",
        ONE_UPSTREAM + '[[models.a.defaults.tools]]\nname = "look"\ninput_schema = { type = "object" }\n',
    ),
    Broken(
        "Function without a valid name, parameters that are no schema of an object",
        ONE_UPSTREAM
        + '[[models.a.defaults.tools]]\ntype = "function"\n'
        + 'function = { name = "get weather", parameters = { city = { type = "string" } } }\n',
    ),
    Broken(
        "Two tools with one name",
        ONE_UPSTREAM
        + '[[models.a.defaults.tools]]\ntype = "function"\nfunction = { name = "look" }\n\n'
        + '[[models.a.defaults.tools]]\ntype = "function"\nfunction = { name = "look" }\n',
    ),
    Broken("Hedge with one upstream", ONE_UPSTREAM + 'hedge = "p95"\n'),
    Broken(
        "Negative hedge",
        '[models.a]\nhedge = -1\nupstreams = [{ provider = "vllm" }, { provider = "ollama" }]\n',
    ),
    Broken("Unknown routing", ONE_UPSTREAM + 'routing = "random"\n'),
    Broken("Negative weight", '[[models.a.upstreams]]\nprovider = "vllm"\nweight = -1\n'),
    Broken(
        "All weights 0",
        (
            '[models.a]\nrouting = "weighted"\nupstreams = [\n'
            '  { provider = "vllm", weight = 0 },\n  { provider = "ollama", weight = 0 },\n]\n'
        ),
    ),
    Broken("Number as a string", ONE_UPSTREAM + 'max_concurrent = "20"\n'),
    Broken("Negative time", ONE_UPSTREAM + "stall_timeout = -1\n"),
    Broken("Price without `output`", ONE_UPSTREAM + "price = { input = 1 }\n"),
    Broken("Negative price", ONE_UPSTREAM + "price = { input = 1, output = -1 }\n"),
    Broken("Infinite price", ONE_UPSTREAM + "price = { input = inf, output = 1 }\n"),
    Broken(
        "Price of long prompts without its limit",
        ONE_UPSTREAM + "price = { input = 1, output = 1, long = { input = 2, output = 2 } }\n",
    ),
    Broken("Budget without a price", "budget_per_day = 5\n" + ONE_UPSTREAM),
    Broken("Budget with a single upstream", 'budget_per_day = 5\nupstream = "http://127.0.0.1:9/v1"\n'),
    Broken("Single upstream beside models", 'upstream = "http://127.0.0.1:9/v1"\n\n' + ONE_UPSTREAM),
    Broken(
        "Single upstream from a variable and an option, beside models",
        ONE_UPSTREAM,
        {"DUALSTREAM_UPSTREAM": "http://127.0.0.1:9/v1"},
        {"model": "b"},
    ),
    Broken("Default that is not a model", 'default_model = "b"\n\n' + ONE_UPSTREAM),
    Broken("Alias of an unknown model", '[aliases]\nb = "c"\n\n' + ONE_UPSTREAM),
    Broken("Alias with the name of a model", '[aliases]\na = "a"\n\n' + ONE_UPSTREAM),
    Broken("Alias although any model may be requested", 'upstream = "http://127.0.0.1:9/v1"\n\n[aliases]\na = "b"\n'),
    Broken("Empty name of a model", '[models.""]\nprovider = "ollama"\n'),
    Broken("Not an origin", 'allowed_origins = ["*"]\n'),
    Broken("An origin of every file and sandboxed frame", 'allowed_origins = ["null"]\n'),
    Broken("An origin that browsers write in another way", 'allowed_origins = ["https://App.example:443"]\n'),
    Broken("Not a header", 'allowed_headers = ["x tenant"]\n'),
    Broken("Not a cookie name", 'cookie = "my cookie"\n'),
    Broken("Not an address", 'trusted_proxies = ["nginx"]\n'),
    Broken("Not a key", 'keys = ["alice"]\n'),
    Broken("Key in place of its hash", 'keys = ["alice:Xb41cQ7r:ds_Xb41cQ7r_sk-secret"]\n'),
    Broken("Two keys with one name", f'keys = ["a:Xb41cQ7r:{HASH}", "a:Yb41cQ7r:{HASH}"]\n'),
    Broken("Tokens without a signature", '[jwt]\nalgorithms = ["none"]\njwks_url = "https://a.example/jwks.json"\n'),
    Broken("Tokens without an algorithm", '[jwt]\njwks_url = "https://a.example/jwks.json"\n'),
    Broken(
        "Tokens with two kinds of algorithms",
        '[jwt]\nalgorithms = ["RS256", "HS256"]\njwks_url = "https://a.example/jwks.json"\n',
    ),
    Broken("Tokens without keys", '[jwt]\nalgorithms = ["ES256"]\n'),
    Broken("Secret in the file", '[jwt]\nalgorithms = ["HS256"]\nsecret = "sk-secret"\n'),
    Broken(
        "Public keys for an algorithm with a shared secret",
        '[jwt]\nalgorithms = ["HS256"]\nsecret_variable = "AUTH"\njwks_file = "keys.json"\n',
        {"AUTH": "0123456789" * 4},
    ),
    Broken(
        "Two sources of public keys",
        '[jwt]\nalgorithms = ["RS256"]\njwks_file = "keys.json"\njwks_url = "https://a.example/jwks.json"\n',
    ),
    Broken(
        "Shared secret for an algorithm with public keys",
        '[jwt]\nalgorithms = ["RS256"]\njwks_file = "keys.json"\nsecret_variable = "AUTH"\n',
        {"AUTH": "0123456789" * 4},
    ),
    Broken("Secret variable that is not set", '[jwt]\nalgorithms = ["HS256"]\nsecret_variable = "AUTH"\n'),
    Broken("Short secret", '[jwt]\nalgorithms = ["HS256"]\nsecret_variable = "AUTH"\n', {"AUTH": "sk-1"}),
    Broken(
        "Secret in place of the name of its variable",
        '[jwt]\nalgorithms = ["HS256"]\nsecret_variable = "sk-secret"\n',
    ),
    Broken(
        "Public keys over plain http",
        '[jwt]\nalgorithms = ["RS256"]\njwks_url = "http://a.example/jwks.json"\n',
    ),
    Broken("Error in a variable", "port = 8080\n", {"DUALSTREAM_GRACE": "-1"}),
    Broken("Error in an option", "port = 8080\n", {}, {"port": 70_000}),
    Broken("More than 20 errors", ONE_UPSTREAM + "\n[aliases]\n" + "".join(f'alias{n} = "b"\n' for n in range(22))),
]


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for broken in BROKEN:
        names = {**broken.environment, **{f"--{name}": value for name, value in broken.options.items()}}
        lines = "".join(f"{name}={value!s}".replace("\n", "\\n") + "\n" for name, value in names.items())
        sources = f"\nwith\n\n```sh\n{lines}```\n" if lines else ""
        parts.append(f"## {broken.title}\n\n```toml\n{broken.text}```\n{sources}\n```text\n{broken.message()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
