"""Grafana panels as values, and the JSON that Grafana reads.

The format is that of Grafana's dashboard JSON model (https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/
view-dashboard-json-model/), of schema version 39, which Grafana 11 and later read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Json = dict[str, object]
Kind = Literal["timeseries", "stat", "state-timeline"]

WIDTH: Final = 24
"""Columns of a dashboard."""

SOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Query:
    """A PromQL expression, and the name of its series: `{{label}}` stands for the value of a label."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One chart."""

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: Kind = "timeseries"
    description: str = ""
    stacked: bool = False
    thresholds: Sequence[tuple[float, str]] = ()
    """Colours from a value on; below the first one it is green."""
    colours: Mapping[str, str] = field(default_factory=dict)
    """Colours of series by name."""


@dataclass(frozen=True)
class Section:
    """A row of the dashboard, with its panels, `columns` of them side by side."""

    title: str
    panels: Sequence[Panel]
    columns: int = 3
    height: int = 8


def render(sections: Sequence[Section]) -> list[Json]:
    """Return the panels of all sections, each in its place."""
    panels: list[Json] = []
    top = 0
    for section in sections:
        panels.append(_row(section, number=len(panels) + 1, top=top))
        top += 1
        width = WIDTH // section.columns
        for index, panel in enumerate(section.panels):
            line, column = divmod(index, section.columns)
            place: Json = {"x": column * width, "y": top + line * section.height, "w": width, "h": section.height}
            panels.append({"id": len(panels) + 1, "gridPos": place, **_panel(panel)})
        top += -(-len(section.panels) // section.columns) * section.height
    return panels


def _row(section: Section, *, number: int, top: int) -> Json:
    place: Json = {"x": 0, "y": top, "w": WIDTH, "h": 1}
    return {"id": number, "type": "row", "title": section.title, "collapsed": False, "gridPos": place, "panels": []}


def _panel(panel: Panel) -> Json:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "targets": [_target(index, query, panel) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": [_colour(*pair) for pair in panel.colours.items()]},
        "options": _options(panel),
    }


def _target(index: int, query: Query, panel: Panel) -> Json:
    return {
        "refId": chr(ord("A") + index),
        "datasource": SOURCE,
        "expr": query.expression,
        "legendFormat": query.legend or panel.title,
        "instant": panel.kind == "stat",
        "range": panel.kind != "stat",
    }


def _defaults(panel: Panel) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    steps += [{"color": colour, "value": value} for value, colour in panel.thresholds]
    defaults: Json = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "timeseries":
        stacking: Json = {"mode": "normal" if panel.stacked else "none", "group": "A"}
        defaults["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 25 if panel.stacked else 8,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": stacking,
        }
    if panel.kind == "state-timeline":
        defaults["mappings"] = [
            {
                "type": "value",
                "options": {
                    "0": {"text": "closed", "color": "green", "index": 0},
                    "1": {"text": "open", "color": "red", "index": 1},
                },
            }
        ]
    return defaults


def _colour(name: str, colour: str) -> Json:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
    }


def _options(panel: Panel) -> Json:
    if panel.kind == "stat":
        reduced: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": reduced, "colorMode": "value", "graphMode": "none", "justifyMode": "auto"}
    legend: Json = {"displayMode": "list", "placement": "bottom", "showLegend": True}
    if panel.kind == "state-timeline":
        return {"legend": legend, "mergeValues": True, "showValue": "never"}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
