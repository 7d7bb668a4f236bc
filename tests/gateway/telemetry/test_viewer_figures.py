from dataclasses import dataclass

from gateway.telemetry.viewer_figures import ViewerFigures


@dataclass(eq=False)
class Viewer:
    transport: str
    sent_bytes: int = 0
    is_behind: bool = False


def test_what_was_sent_stays_when_a_viewer_has_left() -> None:
    figures, first, second = ViewerFigures(), Viewer("sse", 10), Viewer("sse", 5, is_behind=True)
    figures.add(first)
    figures.add(second)
    first.sent_bytes += 1
    assert figures.sent() == {"sse": 16}
    assert figures.behind() == {"sse": 1}
    figures.remove(second)
    figures.remove(second)
    figures.remove(first)
    figures.count_sent("poll", 7)
    assert figures.sent() == {"sse": 16, "poll": 7}
    assert figures.behind() == {}
