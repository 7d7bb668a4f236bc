"""Markdown: headings, lists, tables, quotations, links and emphasis."""

from typing import Final

from gateway.simulator.texts.corpus import Corpus
from gateway.simulator.texts.english import ENGLISH

MARKDOWN: Final = Corpus(
    asked="## Your question\n\n> {quote}\n\nIn short: it depends on **three** things, which follow.",
    revised="## Second version\n\nTaking that up:\n\n> {quote}\n\nThis is what changes.\n\n"
    "| Before | Now |\n|---|---|\n| long | to the point |\n| one piece | in steps |",
    shortened="## Short version\n\nTaking that up:\n\n> {quote}\n\n| Before | Now |\n|---|---|\n| long | short |",
    returned="## Result of the tool\n\n> {quote}\n\nRead like this:",
    paragraphs=(
        "| Way | First word | Even flow | Effort |\n|---|---:|---:|:---:|\n| Polling | 900 ms | poor | low |\n"
        "| One long answer | 4,200 ms | none | low |\n| Stream | 180 ms | good | middle |\n"
        "| Stream, both ways | 180 ms | good | **high** |",
        "### What to do first\n\n1. Write down the *goal* in one sentence.\n2. Build the smallest case that shows it.\n"
        "3. Measure **before** changing anything.\n4. Change one part and measure again.",
        "### What speaks for it\n\n- The first word comes early, so waiting feels short.\n- A mistake is seen after "
        "a line, not after a page.\n  - Stopping is cheap.\n  - Correcting is cheaper.\n- Nothing is held back that "
        "is ready.",
        "### What speaks against it\n\n- A connection stays open for longer.\n- Half an answer needs a rule: *keep "
        "it* or *drop it*?\n- ~~Nobody will notice the difference.~~ Everybody does.",
        "> **Note.** A clean end and a cut look the same to a careless reader. Check for the end mark, and treat its "
        "absence as an error.",
        "### Words used here\n\n| Word | Meaning |\n|---|---|\n| `chunk` | a piece of the answer, a few characters "
        "long |\n| `stall` | an open connection on which nothing comes |\n| `drain` | to finish what runs and accept "
        "nothing new |",
        "- [x] The goal is written down\n- [x] The small case runs\n- [ ] The slowest one in a hundred is known\n"
        "- [ ] Somebody else has read it\n\nThe two open points are the usual ones.",
        "### A rule of thumb\n\nIf the wait is *shorter than a breath*, show nothing. If it is **longer**, show that "
        "something happens. If it is longer than a minute, say `why` and offer a way out; see [how HTTP marks an "
        "incomplete message](https://www.rfc-editor.org/rfc/rfc9112#section-8).",
    ),
    links=(
        "---\n\n*The same again, for the second case:*\n\n",
        "---\n\n*Compare with the above:*\n\n",
        "---\n\n*Once more in detail:*\n\n",
    ),
    reasoning=ENGLISH.reasoning,
)
