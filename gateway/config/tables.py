"""The tables of the configuration file: `[providers.…]`, `[models.…]`, `[jwt]` and the tables inside them."""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, HttpUrl, SecretStr, StringConstraints, field_validator

from gateway.billing.prices import LongPrompt, Price
from gateway.config.checks import check_base_url, check_no_userinfo, check_proxy, check_variable_name
from gateway.config.defaults import DefaultsTable
from gateway.config.presets import Api, PresetName
from gateway.config.table import Table, Text
from gateway.routing.model import Routing
from gateway.routing.start_defaults import StartDefaults
from gateway.upstreams.base import MAX_EVENT_BYTES
from gateway.upstreams.formats.base import TokenLimit

VariableName = Annotated[str, StringConstraints(max_length=100)]
SystemPrompt = Annotated[str, StringConstraints(min_length=1)]
Dollars = Annotated[float, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


class _TokenPrices(Table):
    """Prices of tokens in US dollars per million."""

    input: Dollars = Field(description="Price of a million input tokens.")
    cached: Dollars | None = Field(
        None, description="Price of a million input tokens from the provider's cache. None: the same as `input`."
    )
    cache_write: Dollars | None = Field(
        None, description="Price of a million input tokens written to the provider's cache. None: the same as `input`."
    )
    cache_write_1h: Dollars | None = Field(
        None, description="Price of a million input tokens that the cache keeps for an hour. None: as `cache_write`."
    )
    output: Dollars = Field(description="Price of a million output tokens.")

    def to_price(self) -> Price:
        """Return the price that the table describes."""
        cached = self.input if self.cached is None else self.cached
        return Price(self.input, cached, self.output, self.cache_write, self.cache_write_1h)


class LongPriceTable(_TokenPrices):
    """Prices of all tokens of a call with a long prompt."""

    above: Annotated[int, Field(ge=1)] = Field(
        description="Number of input tokens, cached ones included, above which these prices apply to the whole call."
    )


class PriceTable(_TokenPrices):
    """Prices of tokens, and those of long prompts."""

    long: LongPriceTable | None = Field(
        None, description="Prices of calls with a long prompt. None: a long prompt costs no more than another."
    )

    def to_price(self) -> Price:
        """Return the price that the table describes."""
        long = None if self.long is None else LongPrompt(self.long.above, self.long.to_price())
        return replace(super().to_price(), long=long)


class ProviderTable(Table):
    """A provider. `key` is the value of the key variable; it is never written in the file."""

    preset: PresetName | None = Field(
        None,
        description=(
            "Preset that supplies the defaults (docs/reference/providers.md). None: the preset with the name of this "
            "table, if there is one."
        ),
    )
    base_url: HttpUrl | None = Field(None, description="Base URL of the API. None: that of the preset.")
    api: Api | None = Field(
        None, description="API of the provider, as in `upstream_api`. None: that of the preset, or `openai`."
    )
    key_variable: VariableName | None = Field(
        None,
        description='Environment variable that holds the key; "": no key is sent. None: that of the preset.',
    )
    connections: int = Field(0, ge=0, description="Maximum number of connections to the provider; 0: no limit.")
    connect_timeout: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Maximum seconds to connect to the provider. None: the setting of the gateway."
    )
    max_event_bytes: Annotated[int, Field(ge=1024, le=MAX_EVENT_BYTES)] | None = Field(
        None, description="Maximum size of one event of its streams, in bytes. None: the setting of the gateway."
    )
    token_limit: TokenLimit | None = Field(
        None,
        description=(
            "Name under which `max_tokens` is sent in API `openai`: `max_tokens`, `max_completion_tokens`, or "
            "`by_model`: the second for OpenAI's reasoning models. None: that of the preset, or of a known host."
        ),
    )
    stream_options: bool | None = Field(
        None,
        description=(
            "Send `stream_options`, which asks for usage figures, in API `openai`. None: as the preset, or a known "
            "host, takes it."
        ),
    )
    proxy: str | None = Field(
        None,
        description=(
            "HTTP proxy of its calls: a URL, `environment` or `direct`, as in `upstream_proxy`. None: the setting of "
            "the gateway."
        ),
    )
    key: SecretStr | None = Field(None, exclude=True, repr=False)

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, proxy: str | None) -> str | None:
        return None if proxy is None else check_proxy(proxy)

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, url: HttpUrl | None) -> HttpUrl | None:
        return check_base_url(url)

    @field_validator("key_variable")
    @classmethod
    def _check_key_variable(cls, name: str | None) -> str | None:
        return check_variable_name(name, "OPENAI_API_KEY")


JwtAlgorithm = Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]


class JwtTable(Table):
    """Rules for JSON Web Tokens. `secret` is the value of the secret variable; it is never written in the file."""

    algorithms: Annotated[tuple[JwtAlgorithm, ...], Field(strict=False)] = Field(
        description="Accepted algorithms: of `HS256` to `HS512`, or of `RS256` to `RS512` and `ES256` to `ES512`."
    )
    secret_variable: VariableName | None = Field(
        None, description="For HS: environment variable that holds the shared secret of at least 32 bytes."
    )
    jwks_file: Text | None = Field(
        None,
        description=(
            "For RS and ES: file with the issuer's public keys (JWKS). A relative path starts at the folder of the "
            "configuration file."
        ),
    )
    jwks_url: HttpUrl | None = Field(
        None,
        description="For RS and ES: URL of the issuer's public keys (JWKS); fetched when needed, cached for an hour.",
    )
    issuer: Text | None = Field(None, description="Required value of the claim `iss`. None: the claim is not checked.")
    audience: Text | None = Field(
        None, description="Value that the claim `aud` must contain. None: the claim is not checked."
    )
    models_claim: Text = Field(
        "models", description="Claim that lists the allowed models. A token without it may use all models."
    )
    roles_claim: Text = Field("roles", description="Claim that lists the roles `observe` and `operate`.")
    secret: SecretStr | None = Field(None, exclude=True, repr=False)

    @field_validator("algorithms")
    @classmethod
    def _check_algorithms(cls, algorithms: tuple[JwtAlgorithm, ...]) -> tuple[JwtAlgorithm, ...]:
        if not algorithms:
            message = "must name at least one algorithm"
            raise ValueError(message)
        return algorithms

    @field_validator("jwks_url")
    @classmethod
    def _check_jwks_url(cls, url: HttpUrl | None) -> HttpUrl | None:
        return check_no_userinfo(url)

    @field_validator("secret_variable")
    @classmethod
    def _check_secret_variable(cls, name: str | None) -> str | None:
        return check_variable_name(name, "AUTH_SECRET")

    @property
    def uses_shared_secret(self) -> bool:
        """Return True if tokens are signed with a shared secret."""
        return self.algorithms[0].startswith("HS")


class _CallTable(Table):
    """Settings of the calls of one upstream."""

    upstream_model: Text | None = Field(
        None, description="Name of the model at the provider. None: the name that clients use."
    )
    max_concurrent: int = Field(0, ge=0, description="Maximum number of running calls; 0: no limit.")
    price: PriceTable | None = Field(
        None, description="Price of tokens. None: the published one (docs/reference/prices.md), if it is known."
    )
    first_token_timeout: Seconds | None = Field(
        None,
        description="Maximum seconds from a call to its first content; 0: no limit. None: the setting one level above.",
    )
    stall_timeout: Seconds | None = Field(
        None,
        description=(
            "Maximum seconds without new content after the first content; 0: no limit. None: the setting one level "
            "above."
        ),
    )
    min_chars_per_second: Annotated[float, Field(ge=0)] | None = Field(
        None,
        description=(
            "Minimum number of characters per second, measured over 10 seconds; 0: no minimum. None: the setting one "
            "level above."
        ),
    )


class UpstreamTable(_CallTable):
    """One of several upstreams of a model."""

    provider: Text = Field(description="Name of a `providers` table or of a preset.")
    weight: float = Field(
        1, ge=0, description="Relative share of the calls with `routing = weighted`; 0: called only after the others."
    )


class ModelTable(_CallTable):
    """A model under the name that clients use, with either one `provider` or a list of `upstreams`."""

    provider: Text | None = Field(
        None, description="Name of a `providers` table or of a preset, for a model with one upstream."
    )
    upstreams: Annotated[tuple[UpstreamTable, ...], Field(strict=False)] = Field(
        (), description="List of upstreams, in place of `provider`."
    )
    routing: Routing = Field(
        "ordered",
        description=(
            "Order in which the upstreams are called: as listed (`ordered`), random by weight (`weighted`), or by mean "
            "time to the first content (`fastest`)."
        ),
    )
    hedge: float | Literal["p95"] | None = Field(
        None,
        description=(
            "Seconds without content after which a second upstream is called in parallel; `p95`: the 95th percentile "
            "of the first upstream's times to the first content. None: never."
        ),
    )
    failover: bool = Field(
        default=False, description="Continue an answer with another upstream when the current one fails mid-stream."
    )
    max_output_tokens: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Maximum number of output tokens of one answer; a higher `max_tokens` is lowered to it."
    )
    system: SystemPrompt | None = Field(
        None, description="System prompt of starts from pages (see below); it precedes all messages of the client."
    )
    defaults: DefaultsTable | None = Field(
        None, description="Options and tools of starts from pages (see below), where these set none."
    )
    queue_timeout: Seconds | None = Field(
        None,
        description=(
            "Maximum seconds that a generation waits for a slot; 0: no limit. None: the setting of the gateway."
        ),
    )
    total_timeout: Seconds | None = Field(
        None,
        description=(
            "Maximum seconds of one generation, from its first upstream call; 0: no limit. None: the setting of the "
            "gateway."
        ),
    )
    max_attempts: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Maximum number of upstream calls before the first content. None: the setting of the gateway.",
    )
    retry_base: Seconds | None = Field(
        None, description="Maximum seconds before the first retry. None: the setting of the gateway."
    )
    retry_longest: Seconds | None = Field(
        None, description="Maximum seconds before any retry. None: the setting of the gateway."
    )
    retry_within: Seconds | None = Field(
        None,
        description=(
            "Seconds after the first call during which a retry may begin; 0: no retries. None: the setting of the "
            "gateway."
        ),
    )

    @field_validator("hedge", mode="plain")
    @classmethod
    def _check_hedge(cls, value: object) -> float | Literal["p95"] | None:
        if value is None or value == "p95":
            return None if value is None else "p95"
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf"):
            return float(value)
        message = 'must be a number of seconds greater than 0, or "p95"'
        raise ValueError(message)

    @property
    def start_defaults(self) -> StartDefaults:
        """Return what the model adds to starts."""
        return StartDefaults.of(self.system, {} if self.defaults is None else self.defaults.to_options())

    @property
    def all_upstreams(self) -> tuple[UpstreamTable, ...]:
        """Return the upstreams, whether the table has a `provider` or a list of `upstreams`."""
        if self.provider is None:
            return self.upstreams
        upstream = UpstreamTable(
            provider=self.provider,
            upstream_model=self.upstream_model,
            max_concurrent=self.max_concurrent,
            price=self.price,
        )
        return (upstream,)
