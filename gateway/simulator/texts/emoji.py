"""Prose full of emoji: joined sequences, flags, skin tones, keycaps and presentation selectors."""

from typing import Final

from gateway.simulator.texts.corpus import Corpus
from gateway.simulator.texts.english import ENGLISH

EMOJI: Final = Corpus(
    asked="💬 You asked: “{quote}” 🤔 Here we go! 🚀",
    revised="🔁 Taking up “{quote}” 🙏🏽 here is another go! ✨",
    shortened="✂️ Taking up “{quote}” 🙏🏽 short and sweet! 🍬",
    returned="🛠️ The tool came back with “{quote}” 📦 and this is what it means! 💡",
    paragraphs=(
        "First the team 👩‍💻👨🏾‍💻🧑🏻‍🎨: everybody brings something to the table 🍽️, and nobody has to carry the "
        "whole thing alone 💪🏿. A good start is a short list 📝, a clear goal 🎯 and a pot of coffee ☕️.",
        "Then the journey 🗺️: from 🇻🇳 over 🇫🇷 to 🇧🇷 and back 🔄, one stop at a time. At each stop somebody waves "
        "👋🏼, takes a picture 📸 and sends it home 🏡 to the family 👨‍👩‍👧‍👦.",
        "Step 1️⃣: look closely 🔍. Step 2️⃣: try something small 🧪. Step 3️⃣: celebrate what worked 🎉 and sweep "
        "up what did not 🧹. Most days that is all the method one needs 🙌🏻.",
        "When things go wrong 🔥, the firefighters 👩🏽‍🚒👨‍🚒 come first and the detectives 🕵🏻‍♀️ come after. "
        "Mixing up the two makes for long nights 🌙 and sleepy mornings 😴.",
        "Speed is lovely 🏎️💨, but rhythm is lovelier 🥁: tick ⏱️, tick ⏱️, tick ⏱️. The reader 🧑🏾‍🦱 relaxes, the "
        "text flows 🌊, and the stop button 🛑 sits right there, just in case 😉.",
        "Weather report 🌤️: sunshine ☀️ in the morning, a shower 🌧️ at noon and a rainbow 🌈 for dessert. Bring an "
        "umbrella ☂️ anyway, the pirates 🏴‍☠️ on the coast are rarely on time.",
        "Friends write from everywhere: 🏴󠁧󠁢󠁳󠁣󠁴󠁿 with pipes 🎶, 🇯🇵 with noodles 🍜, 🇰🇪 with a runner 🏃🏿‍♀️ and "
        "🏳️‍🌈 with a parade 🎊. Each letter gets an answer 💌 and a small heart ❤️‍🔥.",
        "And at the end 🏁 we look back 👀: what was easy 🍰, what was hard 🧗🏽‍♂️, what would we do again 🔁? "
        "Write it down ✍🏼, pin it to the wall 📌 and take the evening off 🧘🏻‍♀️.",
    ),
    links=("👉 Once more: ", "🪄 From another side: ", "🧭 By the way: ", "🎈 And again: "),
    reasoning=ENGLISH.reasoning,
)
