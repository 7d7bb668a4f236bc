"""The one error of the simulator: a request it refuses."""


class RequestError(Exception):
    """A request that is refused, with all that OpenAI's error object says.

    `message` tells the caller what to change. `status` is the HTTP status. `kind` goes out as `type`, and `param` names
    the part of the request that is at fault.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
