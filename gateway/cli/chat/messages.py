"""Texts of the terminal: the status line of a turn, and errors. Pure."""

from gateway.cli.chat.sanitize import safe_line
from gateway.cli.chat.turn import Turn
from gateway.client import TransportName
from gateway.protocol.errors import Code, GatewayError, Refused
from gateway.protocol.events import Complete, Error, Interrupted, Usage

SEPARATOR = " · "

_STATES = {
    None: "sending",
    "accepted": "waiting",
    "queued": "queued",
    "started": "waiting for the first token",
    "retrying": "retrying upstream",
    "streaming": "streaming",
    "revising": "revising",
}
_STOPPED_BY = {
    "client": "stopped",
    "feedback": "stopped by feedback",
    "disconnect": "stopped: no viewer was connected",
    "limit": "stopped by a limit",
    "shutdown": "stopped: the gateway shut down",
}


def status_line(transport: TransportName, model: str | None, turn: Turn | None, now: float) -> str:
    """Build the status line: transport, model, state or end, time to first token, speed, size, tokens and cost."""
    model_name = (turn.model if turn is not None else None) or model or "default model"
    parts = [transport.upper(), safe_line(model_name)]
    if turn is None:
        return SEPARATOR.join([*parts, "ready"])
    parts.append(_state(turn))
    if turn.first_at is not None:
        parts.append(f"first token {_ms(turn.first_at - turn.asked_at)}")
        speed = _speed(turn, now)
        if speed is not None:
            parts.append(f"{speed:,.0f} chars/s")
        parts.append(f"{turn.chars:,} chars")
    elif turn.running:
        parts.append(f"{now - turn.asked_at:.0f} s")
    if turn.resumed:
        parts.append("resumed" if turn.resumed == 1 else f"resumed {turn.resumed} times")
    if turn.terminal is not None:
        parts += _tokens(turn.terminal.usage)
        if turn.terminal.cost_usd is not None:
            parts.append(f"${turn.terminal.cost_usd:.4f}")
    return SEPARATOR.join(parts)


def describe(error: GatewayError | Error) -> str:
    """Return an error as one line: its message, its code, and whether a retry may help."""
    advice = "ask again" if error.code == Code.GENERATION_LOST else "trying again will not help"
    if error.retryable:
        advice = "worth trying again"
        if error.retry_after_ms:
            advice += f" in {max(1, round(error.retry_after_ms / 1000))} s"
    field = f", field {safe_line(error.param)}" if isinstance(error, Refused) and error.param else ""
    return f"{safe_line(error.message)} ({safe_line(error.code)}{field}; {advice})"


def describe_start(error: GatewayError, url: str) -> str:
    """Return why an answer could not be started; if the gateway can't be reached, also how to start one."""
    if error.code is not Code.NETWORK_ERROR:
        return describe(error)
    return f"{safe_line(error.message)}. Is a gateway running at {url}? Start one with: dualstream serve"


def _state(turn: Turn) -> str:
    if turn.retry_notice is not None:
        notice = turn.retry_notice
        retry = f"trying again in {_ms(notice.delay_s)} ({notice.failure} of {notice.failures - 1})"
        return f"{safe_line(notice.reason)}; {retry}"
    if not turn.running:
        return _end(turn)
    if turn.stop_at is not None:
        return "stopping"
    if turn.state == "queued" and turn.queue_position is not None:
        return f"queued, position {turn.queue_position}"
    return _STATES.get(turn.state, str(turn.state))


def _end(turn: Turn) -> str:
    match turn.terminal:
        case Complete(finish_reason=reason):
            return f"complete ({safe_line(reason)})" if reason else "complete"
        case Interrupted(by=by, cancel_ms=cancel_ms):
            timed = turn.stop_at is not None and turn.ended_at is not None
            duration = f" in {_ms((turn.ended_at or 0) - (turn.stop_at or 0))}" if timed else ""
            return f"{_STOPPED_BY.get(by, by)}{duration} (upstream closed in {cancel_ms:.1f} ms)"
        case Error(code=code):
            return f"error ({safe_line(code)})"
        case None:
            return "failed"


def _speed(turn: Turn, now: float) -> float | None:
    if turn.first_at is None or turn.last_at is None:
        return None
    seconds = (now if turn.running else turn.last_at) - turn.first_at
    # A shorter time says nothing: the first chunks may arrive in one read.
    return turn.chars / seconds if seconds >= 0.05 else None


def _tokens(usage: Usage | None) -> list[str]:
    if usage is None:
        return []
    counts = ["?" if count is None else f"{count:,}" for count in (usage.input_tokens, usage.output_tokens)]
    about = "about " if usage.source == "estimated" else ""
    return [f"tokens {about}{counts[0]} in, {counts[1]} out"]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
