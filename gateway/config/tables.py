"""The tables of the file, as they are written there: `[providers.…]`, `[models.…]` and what is within them."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, StringConstraints, field_validator

from gateway.config.presets import Api, PresetName
from gateway.routing.model import Routing

Text = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Price = Annotated[float, Field(ge=0)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class PriceTable(_Table):
    """What tokens cost: US dollars per million."""

    input: Price = Field(description="A million tokens of input.")
    cached: Price | None = Field(
        None, description="A million tokens of input that the provider had in its cache. None: as `input`."
    )
    output: Price = Field(description="A million tokens of output.")


class ProviderTable(_Table):
    """Where models are asked. `key` is what the key variable holds: it is never written in the file."""

    preset: PresetName | None = Field(
        None, description="What is known of it (docs/providers.md). None: the preset of this table's name, if any."
    )
    base_url: HttpUrl | None = Field(None, description="Base URL of its API. None: the preset's.")
    api: Api | None = Field(
        None, description="Which API that is, as in `upstream_api`. None: the preset's, or `openai`."
    )
    key_variable: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        None, description='The environment variable that holds its key; "" for no key. None: the preset\'s.'
    )
    connections: int = Field(0, ge=0, description="Connections to it at once.")
    connect_timeout: Annotated[float, Field(gt=0)] | None = Field(
        None, description="How long connecting to it may take. None: as set for all."
    )
    key: SecretStr | None = Field(None, exclude=True, repr=False)

    @field_validator("base_url")
    @classmethod
    def _is_a_base(cls, url: HttpUrl | None) -> HttpUrl | None:
        return as_base(url)

    @field_validator("key_variable")
    @classmethod
    def _is_a_variable(cls, name: str | None) -> str | None:
        return as_variable(name, "OPENAI_API_KEY")


JwtAlgorithm = Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]

_LEAST_SECRET: Final = 32


class JwtTable(_Table):
    """Which JSON Web Tokens are taken. `secret` is what the secret variable holds: it is never written in the file."""

    algorithms: Annotated[tuple[JwtAlgorithm, ...], Field(strict=False)] = Field(
        description="What tokens may be signed with: `HS256` to `HS512`, or `RS256` to `RS512` and `ES256` to `ES512`."
    )
    secret_variable: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        None, description="For HS: the environment variable that holds the shared secret, 32 bytes or more."
    )
    jwks_file: Text | None = Field(
        None, description="For RS and ES: a file with the issuer's public keys (JWKS), from the configuration's folder."
    )
    jwks_url: HttpUrl | None = Field(
        None, description="For RS and ES: where the issuer has them; fetched when needed, kept for an hour."
    )
    issuer: Text | None = Field(None, description="What `iss` must be. None: it is not looked at.")
    audience: Text | None = Field(None, description="What `aud` must hold. None: it is not looked at.")
    models_claim: Text = Field("models", description="The claim that lists the models allowed; without it, all.")
    roles_claim: Text = Field("roles", description="The claim that lists the roles `observe` and `operate`.")
    secret: SecretStr | None = Field(None, exclude=True, repr=False)

    @field_validator("algorithms")
    @classmethod
    def _are_some(cls, algorithms: tuple[JwtAlgorithm, ...]) -> tuple[JwtAlgorithm, ...]:
        if not algorithms:
            message = "must name one at least"
            raise ValueError(message)
        return algorithms

    @field_validator("jwks_url")
    @classmethod
    def _is_a_place(cls, url: HttpUrl | None) -> HttpUrl | None:
        return as_place(url)

    @field_validator("secret_variable")
    @classmethod
    def _is_a_variable(cls, name: str | None) -> str | None:
        return as_variable(name, "AUTH_SECRET")

    @property
    def is_shared(self) -> bool:
        """Tell whether tokens are signed with a shared secret."""
        return self.algorithms[0].startswith("HS")


class _CallTable(_Table):
    """What holds for one call of an upstream."""

    upstream_model: Text | None = Field(
        None, description="The model's name at the provider. None: the name that clients use."
    )
    max_concurrent: int = Field(0, ge=0, description="Calls at once.")
    price: PriceTable | None = Field(None, description="What tokens cost. None: as known of the preset, if it is.")
    first_token_timeout: Annotated[float, Field(ge=0)] | None = Field(
        None, description="How long the first content may take. None: as set one level above."
    )
    stall_timeout: Annotated[float, Field(ge=0)] | None = Field(
        None, description="How long a running answer may stay without new content. None: as set one level above."
    )
    min_chars_per_second: Annotated[float, Field(ge=0)] | None = Field(
        None, description="How slow a running answer may be, over ten seconds. None: as set one level above."
    )


class UpstreamTable(_CallTable):
    """One of the upstreams that a model may be asked of."""

    provider: Text = Field(description="A table of `providers`, or a preset.")
    weight: float = Field(1, ge=0, description="Its share of the calls with `routing = weighted`.")


class ModelTable(_CallTable):
    """A model by the name that clients use: either with one `provider`, or with a list of `upstreams`."""

    provider: Text | None = Field(None, description="A table of `providers`, or a preset: the one upstream.")
    upstreams: Annotated[tuple[UpstreamTable, ...], Field(strict=False)] = Field(
        (), description="The upstreams, where there is more than one."
    )
    routing: Routing = Field(
        "ordered", description="In which order to ask them: as listed, by chance with their weights, the fastest first."
    )
    hedge: float | Literal["p95"] | None = Field(
        None,
        description=(
            "When to race a second upstream, none having brought content: after so many seconds, or after the first "
            "one's own 95th percentile (`p95`). None: never."
        ),
    )
    failover: bool = Field(default=False, description="Go on with another upstream when one dies in mid-answer.")
    max_output_tokens: Annotated[int, Field(ge=1)] | None = Field(
        None, description="The longest answer; a start that asks for more gets this."
    )
    queue_timeout: Annotated[float, Field(ge=0)] | None = Field(
        None, description="How long a generation may wait for a slot. None: as set for all."
    )
    total_timeout: Annotated[float, Field(ge=0)] | None = Field(
        None, description="How long one generation may take, from its first call on. None: as set for all."
    )
    max_attempts: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Calls made for one answer before its first content. None: as set for all."
    )
    retry_base: Annotated[float, Field(ge=0)] | None = Field(
        None, description="The longest wait before the first retry. None: as set for all."
    )
    retry_longest: Annotated[float, Field(ge=0)] | None = Field(
        None, description="The longest wait before any retry. None: as set for all."
    )
    retry_within: Annotated[float, Field(ge=0)] | None = Field(
        None, description="How long after the first call a retry may still begin. None: as set for all."
    )

    @field_validator("hedge", mode="plain")
    @classmethod
    def _is_a_moment(cls, value: object) -> float | Literal["p95"] | None:
        if value is None or value == "p95":
            return None if value is None else "p95"
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf"):
            return float(value)
        message = 'must be seconds greater than 0, or "p95"'
        raise ValueError(message)

    @property
    def asked(self) -> tuple[UpstreamTable, ...]:
        """List the upstreams, however they are written."""
        if self.provider is None:
            return self.upstreams
        one = UpstreamTable(
            provider=self.provider,
            upstream_model=self.upstream_model,
            max_concurrent=self.max_concurrent,
            price=self.price,
        )
        return (one,)


def as_variable(name: str | None, such_as: str) -> str | None:
    """Check that a key can't be meant.

    Raises:
        ValueError: it is no name of a variable.
    """
    # Capitals alone, as POSIX has them: a key itself, written here by mistake, is then no name and not shown.
    if name and not (name.isascii() and name.isidentifier() and name == name.upper()):
        message = f"must be the name of an environment variable in capitals, such as {such_as}, not a key"
        raise ValueError(message)
    return name


def as_place(url: HttpUrl | None) -> HttpUrl | None:
    """Check that a URL holds no secret, so that it can be shown.

    Raises:
        ValueError: it has a name or a password; the message does not show them.
    """
    if url is not None and (url.username or url.password):
        message = "must have no name or password before an @: a key goes into a variable"
        raise ValueError(message)
    return url


def as_base(url: HttpUrl | None) -> HttpUrl | None:
    """Check that paths can be added to a URL, and that it can be shown.

    Raises:
        ValueError: it has a name or password, a query or a fragment, or the path that calls go to.
    """
    as_place(url)
    if url is not None and (url.query or url.fragment):
        message = "must be a base URL, without a query or fragment: paths are added to it"
        raise ValueError(message)
    path = ((url and url.path) or "").rstrip("/")
    for added in ("/chat/completions", "/responses", "/messages"):
        if path.endswith(added):
            message = f"must be a base URL, that ends before {added}: it is added to it"
            raise ValueError(message)
    return url


def as_shared_secret(secret: SecretStr) -> SecretStr:
    """Check that a secret is long enough that nobody finds it from a token (RFC 7518, 3.2).

    Raises:
        ValueError: it is too short.
    """
    if len(secret.get_secret_value().encode()) < _LEAST_SECRET:
        message = f"must have at least {_LEAST_SECRET} bytes"
        raise ValueError(message)
    return secret


def as_key(key: SecretStr | None) -> SecretStr | None:
    """Check that a key can be sent in a header.

    Raises:
        ValueError: it is not printable ASCII.
    """
    if key is not None and not (key.get_secret_value().isascii() and key.get_secret_value().isprintable()):
        message = "must be printable ASCII: is there a line break or a foreign character in it?"
        raise ValueError(message)
    return key
