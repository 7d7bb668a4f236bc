"""The simulator's exception: a request that it refuses."""


class RequestError(Exception):
    """A refused request. Each format encodes the attributes that its provider's error object has.

    `message` says what to change. `status` is the HTTP status. `kind` and `code` are OpenAI's type and code of the
    error, `param` names the part of the request that is not valid, and `retry_after` is the wait in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.retry_after = retry_after
