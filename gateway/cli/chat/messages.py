"""What the terminal says of a turn: its status line, its errors. Pure."""

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
    "retrying": "trying again upstream",
    "streaming": "streaming",
    "revising": "revising",
}
_BY = {
    "client": "stopped",
    "feedback": "stopped by feedback",
    "disconnect": "stopped: nobody was reading",
    "limit": "stopped by a limit",
    "shutdown": "stopped: the gateway shut down",
}


def status_line(transport: TransportName, model: str | None, turn: Turn | None, now: float) -> str:
    """Say it all on one line: transport, model, state, time to first token, speed, size; at the end how it ended."""
    known_model = (turn.model if turn is not None else None) or model or "default model"
    parts = [transport.upper(), safe_line(known_model)]
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
    """Say an error for people: its message, its code, and whether to try again."""
    again = "trying again will not help"
    if error.retryable:
        again = "worth trying again"
        if error.retry_after_ms:
            again += f" in {max(1, round(error.retry_after_ms / 1000))} s"
    field = f", field {safe_line(error.param)}" if isinstance(error, Refused) and error.param else ""
    return f"{safe_line(error.message)} ({safe_line(error.code)}{field}; {again})"


def describe_start(error: GatewayError, url: str) -> str:
    """Say why an answer could not be started; for a gateway out of reach, how to start one."""
    if error.code is not Code.NETWORK_ERROR:
        return describe(error)
    return f"{safe_line(error.message)}. Is a gateway running at {url}? Start one with: dualstream serve"


def _state(turn: Turn) -> str:
    if turn.trouble is not None:
        trouble = turn.trouble
        again = f"trying again in {_ms(trouble.delay_s)} ({trouble.failure} of {trouble.failures - 1})"
        return f"{safe_line(trouble.reason)}; {again}"
    if not turn.running:
        return _end(turn)
    if turn.stop_at is not None:
        return "stopping"
    if turn.state == "queued" and turn.place is not None:
        return f"queued, place {turn.place}"
    return _STATES.get(turn.state, str(turn.state))


def _end(turn: Turn) -> str:
    match turn.terminal:
        case Complete(finish_reason=reason):
            return f"complete ({safe_line(reason)})" if reason else "complete"
        case Interrupted(by=by, cancel_ms=cancel_ms):
            stopped = turn.stop_at is not None and turn.ended_at is not None
            seen = f" in {_ms((turn.ended_at or 0) - (turn.stop_at or 0))}" if stopped else ""
            return f"{_BY.get(by, by)}{seen} (upstream closed in {cancel_ms:.1f} ms)"
        case Error(code=code):
            return f"error ({safe_line(code)})"
        case None:
            return "failed"


def _speed(turn: Turn, now: float) -> float | None:
    if turn.first_at is None or turn.last_at is None:
        return None
    seconds = (now if turn.running else turn.last_at) - turn.first_at
    return turn.chars / seconds if seconds >= 0.05 else None


def _tokens(usage: Usage | None) -> list[str]:
    if usage is None:
        return []
    counts = ["?" if count is None else f"{count:,}" for count in (usage.input_tokens, usage.output_tokens)]
    about = "about " if usage.source == "estimated" else ""
    return [f"tokens {about}{counts[0]} in, {counts[1]} out"]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
