"""English prose."""

from typing import Final

from gateway.simulator.texts.corpus import Corpus

ENGLISH: Final = Corpus(
    asked="You asked: “{quote}” Let me take that step by step.",
    revised="Taking up “{quote}”, I have thought the answer through again.",
    shortened="Taking up “{quote}”, here is the short form.",
    returned="The tool came back with “{quote}”, and this is what I make of it.",
    paragraphs=(
        "The first thing to settle is what a good result would look like. A question that sounds simple often hides "
        "two or three wishes at once: that the thing works, that it works quickly, and that somebody else can follow "
        "it later. Naming them apart makes it easier to see which one is in the way of the others.",
        "It helps to begin with the smallest case that still shows the problem. A small case can be held in the "
        "head, changed in a minute and thrown away without regret. Once it behaves, the larger case is mostly a "
        "matter of care, and any surprise that remains must come from size alone.",
        "Measurements come next, and they deserve more patience than they usually get. One number taken on a quiet "
        "afternoon says little; the same number taken ten times, beside other work and with its worst value kept, "
        "says a great deal. Averages comfort us, while the slowest one in a hundred is what people remember.",
        "There are two honest ways forward from here. The cautious one changes a single part, watches it for a while "
        "and keeps the old road open. The bold one replaces the whole at a planned hour. Both can succeed; what "
        "fails is to start with the first and slide into the second without telling anyone.",
        "Consider also what happens when something breaks half way. A letter that arrives torn is worse than one that "
        "never came, because the reader may take the half for the whole. So every message should say plainly where it "
        "ends, and a missing end should be treated as the failure it is.",
        "People who use the result will not read the plan behind it. They notice whether the first word appears "
        "quickly, whether the rest flows evenly, and whether the stop button does what it says. Those three "
        "impressions outweigh most of the cleverness underneath, which is a good reason to look after them first.",
        "A word about cost: work that nobody is waiting for still has to be paid. When the reader closes the book, "
        "the writer should put down the pen at once. It sounds obvious, yet in many systems the pen keeps moving for "
        "minutes, and the bill at the end of the month is the only sign of it.",
        "Where opinions differ, I would rather keep the choice reversible than win the argument. A door that can be "
        "opened again invites experiments; a wall invites committees. In practice this means small steps, clear "
        "names, and a written note of why each turn was taken, so that the next person can disagree with good reason.",
        "Finally, leave some room for being wrong. The morning after a decision is the best time to test it, while "
        "the details are fresh and the pride is small. If the answer still stands after a night, it has earned some "
        "trust; if it falls, it has fallen cheaply, and the lesson can be written down before lunch.",
        "An example may make this concrete. Imagine a ferry that leaves every ten minutes, full or not. Passengers "
        "soon learn to trust it and stop hurrying. Now imagine one that waits until it is full: the harbour is "
        "crowded, tempers are short, and on paper both carry the same number of people. Rhythm is worth more than it "
        "seems.",
    ),
    links=(
        "Seen from another side: ",
        "To come back to an earlier point: ",
        "Put differently: ",
        "It bears repeating, in this light: ",
        "And once more, with the rest in mind: ",
    ),
    reasoning=(
        "First I should work out what is really being asked here. ",
        "There seem to be two readings, and the second one is more likely. ",
        "Let me check that against what was said before. ",
        "If I begin with the example, the general rule follows more easily. ",
        "One objection comes to mind: the numbers may not hold under load. ",
        "That objection is fair, so I will mention it and move on. ",
        "The order matters: first the goal, then the steps, then what can go wrong. ",
        "I think a plain answer serves better than a complete one. ",
    ),
)
