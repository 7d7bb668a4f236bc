from itertools import combinations

from tests.deploy.dashboard import FILE, text
from tests.deploy.panels import WIDTH, Panel, Query, Section, render


def test_the_file_is_what_is_generated() -> None:
    assert FILE.read_text("utf-8") == text(), "run: make dashboard"


def test_panels_stand_side_by_side_and_never_overlap() -> None:
    section = Section("Row", [Panel(str(number), [Query("up")]) for number in range(5)], columns=3)
    panels = render([section, section])
    places = [panel["gridPos"] for panel in panels]
    cells = [
        {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        for place in places
        if isinstance(place, dict)
    ]
    assert all(not one & other for one, other in combinations(cells, 2))
    assert max(x for cell in cells for x, _ in cell) == WIDTH - 1
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))


def test_a_series_without_a_legend_has_the_name_of_its_panel() -> None:
    (_, panel) = render([Section("Row", [Panel("Gateways", [Query("up"), Query("up", "{{instance}}")])])])
    targets = panel["targets"]
    assert isinstance(targets, list)
    assert [(target["refId"], target["legendFormat"]) for target in targets] == [
        ("A", "Gateways"),
        ("B", "{{instance}}"),
    ]
