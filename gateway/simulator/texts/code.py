"""Source code in fenced blocks, with a sentence before each."""

from typing import Final

from gateway.simulator.texts.corpus import Corpus
from gateway.simulator.texts.english import ENGLISH

CODE: Final = Corpus(
    asked="For “{quote}” I would write it like this.",
    revised="Taking up “{quote}”, here is the code again.",
    shortened="Taking up “{quote}”, only the core:",
    returned="The tool came back with “{quote}”, which the code below uses.",
    paragraphs=(
        "A reader that splits a stream into lines, whatever the size of the pieces:\n\n```python\n"
        "def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:\n"
        '    rest = b""\n'
        "    for piece in pieces:\n"
        '        *whole, rest = (rest + piece).split(b"\\n")\n'
        "        yield from whole\n"
        "    if rest:\n"
        '        raise EOFError("the stream ended inside a line")\n```',
        "A bucket that lets a fixed number of requests through per second:\n\n```python\n"
        "@dataclass(slots=True)\nclass Bucket:\n    rate: float\n    level: float = 0.0\n    seen: float = 0.0\n\n"
        "    def take(self, now: float) -> bool:\n"
        "        self.level = max(0.0, self.level - (now - self.seen) * self.rate)\n"
        "        self.seen = now\n"
        "        if self.level + 1 > self.rate:\n            return False\n"
        "        self.level += 1\n        return True\n```",
        "The same idea in the browser, with a way to stop:\n\n```javascript\n"
        "const stop = new AbortController();\n"
        "const answer = await fetch('/answer', { signal: stop.signal });\n"
        "const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();\n"
        "for (;;) {\n  const { done, value } = await reader.read();\n  if (done) break;\n"
        "  page.append(value);\n}\n```",
        "A query that finds the slowest one in a hundred for each day:\n\n```sql\n"
        "SELECT day,\n       percentile_cont(0.99) WITHIN GROUP (ORDER BY wait_ms) AS slowest\n"
        "FROM answers\nWHERE finished IS NOT NULL\nGROUP BY day\nORDER BY day DESC;\n```",
        "A small loop that waits until the service is ready, and gives up after a while:\n\n```sh\n"
        "tries=0\nuntil curl -sf http://localhost:8000/health >/dev/null; do\n"
        '  tries=$((tries + 1))\n  [ "$tries" -ge 50 ] && exit 1\n  sleep 0.1\ndone\n```',
        "And the part that must not be forgotten, giving the slot back on every road out:\n\n```go\n"
        "func (p *Pool) With(ctx context.Context, work func() error) error {\n"
        "\tselect {\n\tcase p.slots <- struct{}{}:\n\t\tdefer func() { <-p.slots }()\n\t\treturn work()\n"
        "\tcase <-ctx.Done():\n\t\treturn ctx.Err()\n\t}\n}\n```",
        "A test that can fail, which is the only useful kind:\n\n```python\n"
        "@given(st.lists(st.binary()))\ndef test_lines_join_to_the_stream(pieces: list[bytes]) -> None:\n"
        '    whole = b"".join(pieces) + b"\\n"\n'
        '    assert b"\\n".join(lines([whole])) + b"\\n" == whole\n```',
    ),
    links=(
        "A variant of an earlier part. ",
        "The same, as it looks in a second module. ",
        "Once more, for comparison. ",
    ),
    reasoning=ENGLISH.reasoning,
)
