"""Every error of a configuration, by the smallest file that has it; `python -m` writes them to the documentation."""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.config import ConfigurationError, load

PAGE = Path(__file__).parents[3] / "docs" / "configuration-errors.md"
FILE = "dualstream.toml"

HEAD = """# What can be wrong with a configuration

`dualstream check` and `dualstream serve` say all that is wrong at once, by line, each with its place; at most 20, then
how many more there are. They end with 2. What comes from a variable or an option is named by that in place of the line.
A reload (SIGHUP) says the same in the log, and the gateway goes on as it was.

Made from the files of `tests/gateway/config/broken.py` by `make config-errors`; a test keeps it up to date.
"""


@dataclass(frozen=True)
class Broken:
    """A file that is wrong, and what is set beside it."""

    what: str
    text: str
    environment: dict[str, str] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)

    def printed(self) -> str:
        """Load it; give what is said."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / FILE
            file.write_text(self.text, "utf-8")
            try:
                load(self.options, self.environment, file)
            except ConfigurationError as error:
                return str(error).replace(str(file), FILE)
        raise AssertionError(self.what)


HASH = "0" * 64
ONE = '[models.a]\nprovider = "ollama"\n'

BROKEN = [
    Broken("It is not TOML", "port = 8080\nhost = \n"),
    Broken("It is cut", 'model = [\n  "a",\n'),
    Broken("A setting that there is not", "prot = 8080\n"),
    Broken("A key of a table that there is not", '[models.a]\nprovider = "ollama"\nupstream_modell = "b"\n'),
    Broken("A key that nobody can guess", "[models.a]\ncolour = 3\n"),
    Broken("A number out of range", "port = 70000\n"),
    Broken("No number", 'port = "x"\n'),
    Broken("Single brackets for a list", "[models.a.upstreams]\n\n[models.a.upstreams]\n"),
    Broken("Not a base URL", '[providers.a]\nbase_url = "https://a.example/v1/chat/completions"\n'),
    Broken("A password in an address", '[providers.a]\nbase_url = "https://me:hush@a.example/v1"\n'),
    Broken(
        "The same for an issuer's keys", '[jwt]\nalgorithms = ["RS256"]\njwks_url = "https://me:hush@a.example/k"\n'
    ),
    Broken("The same by an option", "", options={"upstream": "https://hush@a.example/v1"}),
    Broken("Not true or false", '[models.a]\nprovider = "ollama"\nfailover = "yes"\n'),
    Broken("Tables one letter short", '[provider.a]\npreset = "vllm"\n\n[model.b]\nprovider = "a"\n'),
    Broken("An alias with a dot, a setting below a table", ONE + '\n[aliases]\ngpt-4.1 = "a"\nmax_queue = 4\n'),
    Broken("Not one of the words", 'on_disconnect = "maybe"\n'),
    Broken("A table that is none", "models = 3\n"),
    Broken("No URL", 'upstream = "localhost:9"\n'),
    Broken("A base URL with a query", '[providers.a]\nbase_url = "https://a.example/v1?key=1"\n'),
    Broken("An API that there is not", '[providers.a]\nbase_url = "https://a.example/v1"\napi = "cohere"\n'),
    Broken("A preset that there is not", '[providers.a]\npreset = "azure"\n'),
    Broken("A provider that is nowhere", "[providers.a]\nconnections = 3\n"),
    Broken("A simulator somewhere else", '[providers.a]\npreset = "simulator"\nbase_url = "http://127.0.0.1:9/v1"\n'),
    Broken("A key in the file", '[providers.a]\npreset = "openai"\napi_key = "sk-secret"\n', {"OPENAI_API_KEY": "x"}),
    Broken(
        "A key where its variable's name belongs",
        '[providers.a]\npreset = "openai"\nkey_variable = "sk-secret"\n',
        {"OPENAI_API_KEY": "x"},
    ),
    Broken("A key variable that is not set", '[providers.a]\npreset = "openai"\nkey_variable = "A_KEY"\n'),
    Broken("The key variable of a preset that is not set", '[models.a]\nprovider = "anthropic"\n'),
    Broken("A key that can't be sent", '[models.a]\nprovider = "deepseek"\n', {"DEEPSEEK_API_KEY": "sk-1\nsk-2"}),
    Broken(
        "A provider that there is not",
        '[providers.lab]\nbase_url = "http://127.0.0.1:9/v1"\n\n[models.a]\nprovider = "lap"\n',
    ),
    Broken("A model without a provider", "[models.a]\nfailover = true\n"),
    Broken("A model with one upstream, and several", ONE + '\n[[models.a.upstreams]]\nprovider = "vllm"\n'),
    Broken(
        "What belongs to one of several upstreams",
        '[models.a]\nupstream_model = "b"\n\n[[models.a.upstreams]]\nprovider = "vllm"\n',
    ),
    Broken("An upstream without a provider", '[[models.a.upstreams]]\nupstream_model = "b"\n'),
    Broken(
        "The same upstream twice",
        '[[models.a.upstreams]]\nprovider = "vllm"\n\n[[models.a.upstreams]]\nprovider = "vllm"\n',
    ),
    Broken("A race of one", ONE + 'hedge = "p95"\n'),
    Broken(
        "A race that begins before the start",
        '[models.a]\nhedge = -1\nupstreams = [{ provider = "vllm" }, { provider = "ollama" }]\n',
    ),
    Broken("A routing that there is not", ONE + 'routing = "random"\n'),
    Broken("A weight below 0", '[[models.a.upstreams]]\nprovider = "vllm"\nweight = -1\n'),
    Broken(
        "Weights that are all 0",
        (
            '[models.a]\nrouting = "weighted"\nupstreams = [\n'
            '  { provider = "vllm", weight = 0 },\n  { provider = "ollama", weight = 0 },\n]\n'
        ),
    ),
    Broken("A number as text", ONE + 'max_concurrent = "20"\n'),
    Broken("A time below 0", ONE + "stall_timeout = -1\n"),
    Broken("A price without its output", ONE + "price = { input = 1 }\n"),
    Broken("A price below 0", ONE + "price = { input = 1, output = -1 }\n"),
    Broken("A price without end", ONE + "price = { input = inf, output = 1 }\n"),
    Broken("A budget, and no price", "budget_per_day = 5\n" + ONE),
    Broken("A budget, and one upstream", 'budget_per_day = 5\nupstream = "http://127.0.0.1:9/v1"\n'),
    Broken("One upstream, and models", 'upstream = "http://127.0.0.1:9/v1"\n\n' + ONE),
    Broken(
        "One upstream from elsewhere, and models", ONE, {"DUALSTREAM_UPSTREAM": "http://127.0.0.1:9/v1"}, {"model": "b"}
    ),
    Broken("A default that is no model", 'default_model = "b"\n\n' + ONE),
    Broken("An alias of nothing", '[aliases]\nb = "c"\n\n' + ONE),
    Broken("An alias that is a model", '[aliases]\na = "a"\n\n' + ONE),
    Broken("An alias where any model may be asked for", 'upstream = "http://127.0.0.1:9/v1"\n\n[aliases]\na = "b"\n'),
    Broken("A name that nobody can ask for", '[models.""]\nprovider = "ollama"\n'),
    Broken("No origin", 'allowed_origins = ["*"]\n'),
    Broken("No name of a cookie", 'cookie = "my cookie"\n'),
    Broken("No address", 'trusted_proxies = ["nginx"]\n'),
    Broken("No key", 'keys = ["alice"]\n'),
    Broken("A key where its hash belongs", 'keys = ["alice:Xb41cQ7r:ds_Xb41cQ7r_sk-secret"]\n'),
    Broken("Two keys of one name", f'keys = ["a:Xb41cQ7r:{HASH}", "a:Yb41cQ7r:{HASH}"]\n'),
    Broken("Tokens signed with nothing", '[jwt]\nalgorithms = ["none"]\njwks_url = "https://a.example/jwks.json"\n'),
    Broken("Tokens, and no algorithm", '[jwt]\njwks_url = "https://a.example/jwks.json"\n'),
    Broken("Tokens of two kinds", '[jwt]\nalgorithms = ["RS256", "HS256"]\njwks_url = "https://a.example/jwks.json"\n'),
    Broken("Tokens, and nothing to check them with", '[jwt]\nalgorithms = ["ES256"]\n'),
    Broken("A secret in the file", '[jwt]\nalgorithms = ["HS256"]\nsecret = "sk-secret"\n'),
    Broken(
        "Public keys for a shared secret",
        '[jwt]\nalgorithms = ["HS256"]\nsecret_variable = "AUTH"\njwks_file = "keys.json"\n',
        {"AUTH": "0123456789" * 4},
    ),
    Broken(
        "Public keys from two places",
        '[jwt]\nalgorithms = ["RS256"]\njwks_file = "keys.json"\njwks_url = "https://a.example/jwks.json"\n',
    ),
    Broken(
        "A secret that nothing is signed with",
        '[jwt]\nalgorithms = ["RS256"]\njwks_file = "keys.json"\nsecret_variable = "AUTH"\n',
        {"AUTH": "0123456789" * 4},
    ),
    Broken("A secret that is not set", '[jwt]\nalgorithms = ["HS256"]\nsecret_variable = "AUTH"\n'),
    Broken(
        "A secret that can be found out", '[jwt]\nalgorithms = ["HS256"]\nsecret_variable = "AUTH"\n', {"AUTH": "sk-1"}
    ),
    Broken(
        "A secret where its variable's name belongs",
        '[jwt]\nalgorithms = ["HS256"]\nsecret_variable = "sk-secret"\n',
    ),
    Broken(
        "Public keys that can be changed on the way",
        '[jwt]\nalgorithms = ["RS256"]\njwks_url = "http://a.example/jwks.json"\n',
    ),
    Broken("A variable that is wrong", "port = 8080\n", {"DUALSTREAM_GRACE": "-1"}),
    Broken("An option that is wrong", "port = 8080\n", {}, {"port": 70_000}),
    Broken("More than anybody reads", ONE + "\n[aliases]\n" + "".join(f'alias{n} = "b"\n' for n in range(22))),
]


def page() -> str:
    """Write the page."""
    parts = [HEAD]
    for broken in BROKEN:
        names = {**broken.environment, **{f"--{name}": value for name, value in broken.options.items()}}
        beside = "".join(f"{name}={value!s}".replace("\n", "\\n") + "\n" for name, value in names.items())
        given = f"\nwith\n\n```sh\n{beside}```\n" if beside else ""
        parts.append(f"## {broken.what}\n\n```toml\n{broken.text}```\n{given}\n```text\n{broken.printed()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
