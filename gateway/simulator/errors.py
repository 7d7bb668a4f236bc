"""The one error of the simulator: a request it refuses."""


class RequestError(Exception):
    """A request that is refused; each wire format says of it what its provider's error object has room for.

    `message` tells the caller what to change. `status` is the HTTP status. `kind` and `code` are OpenAI's words for it,
    `param` names the part of the request that is at fault, and `retry_after` is how many seconds to wait.
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
