"""The events of the console: the whole view first, then what differs from the last one. Pure."""

from dataclasses import asdict, fields
from typing import Final

import orjson

from gateway.api.console.view import Row, View
from gateway.protocol.event_stream import event_frame

_FIELDS: Final = tuple(field.name for field in fields(Row))


def snapshot_frame(view: View) -> bytes:
    """Encode a view as the first event of a client."""
    data = {
        "time": view.time,
        "gateways": view.gateways,
        "running": list(view.running.values()),
        "omitted": view.omitted,
    }
    return event_frame(orjson.dumps(data), b"snapshot")


def change_frame(old: View, new: View) -> bytes:
    """Encode what differs between two views; b"" if nothing does."""
    changes: dict[str, object] = {}
    if new.gateways != old.gateways:
        changes["gateways"] = new.gateways
    if rows := [change for row in new.running.values() if (change := _row_change(old.running.get(row.id), row))]:
        changes["running"] = rows
    if gone := [name for name in old.running if name not in new.running]:
        changes["gone"] = gone
    if new.omitted != old.omitted:
        changes["omitted"] = new.omitted
    if ended := [summary for name, summary in new.ended.items() if name not in old.ended]:
        changes["ended"] = ended
    if not changes:
        return b""
    return event_frame(orjson.dumps({"time": new.time, **changes}), b"change")


def _row_change(old: Row | None, new: Row) -> dict[str, object] | None:
    """Return the fields of a row that differ, with its id; None if none does."""
    if old is None:
        return asdict(new)
    if old == new:
        return None
    changed = {name: value for name in _FIELDS if (value := getattr(new, name)) != getattr(old, name)}
    return {"id": new.id, **changed}
