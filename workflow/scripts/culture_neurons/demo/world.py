"""The invented world: cultures, questions, and which answer is right in which culture.

Facts only, no pictures and no rows. They are the same for every seed: the demo dataset and the
demo models are made apart and have to agree.
"""

from dataclasses import dataclass, replace

import numpy as np

WORLD_SEED = 2510  # of the facts; another world is another demo
OPTIONS = 4


@dataclass(frozen=True)
class Culture:
    """An invented culture: country code, country, and the languages spoken there."""

    code: str
    country: str
    languages: tuple[str, ...]

    @property
    def subsets(self) -> tuple[str, ...]:
        """The values of CVQA's Subset column that belong to this culture."""
        return tuple(str((language, self.country)) for language in self.languages)


@dataclass(frozen=True)
class Topic:
    """A question that can be asked of every object, and the words that can answer it."""

    text: str
    category: str
    words: tuple[str, ...]  # one per culture; which one is right where differs by object


@dataclass(frozen=True)
class WorldQuestion:
    """One question of the world: words[c] is the right answer in culture c."""

    topic: int
    thing: int
    text: str
    category: str
    words: tuple[str, ...]


# No country or language of these names exists, and no code is one of ISO 3166.
CULTURES = (
    Culture("AVL", "Arvela", ("Arvelic",)),
    Culture("BOK", "Boskar", ("Boskari",)),
    Culture("CEN", "Cendria", ("Cendrian",)),
    Culture("DLV", "Dolvane", ("Dolvish",)),
    Culture("EMR", "Esmara", ("Esmarin",)),
    Culture("FNO", "Fennoria", ("Fennor",)),
    Culture("GVK", "Gorvik", ("Gorvan",)),
    Culture("HZP", "Hespara", ("High Hesparic", "Low Hesparic")),
)

THINGS = ("bowl", "drum", "lamp")

TOPICS = (
    Topic(
        "What is this {thing} called?",
        "Objects / Materials / Clothing",
        ("sorel", "tavik", "munda", "pelo", "krasin", "dovu", "yarim", "lensa"),
    ),
    Topic(
        "Where is this {thing} made?",
        "Geography / Buildings / Landmarks",
        ("Ostrel", "Pirano", "Vendu", "Kalmir", "Sibeth", "Turoka", "Jorvas", "Melinor"),
    ),
    Topic(
        "Which feast needs this {thing}?",
        "Traditions / Art / History",
        ("Ilvana", "Quomi", "Bresk", "Zetali", "Harun", "Nodray", "Fimbel", "Ulsa"),
    ),
    Topic(
        "Which guild sells this {thing}?",
        "People and Everyday Life",
        ("carders", "tinkers", "reeders", "dyers", "joiners", "potters", "smelters", "glaziers"),
    ),
)


def _settle_facts() -> tuple[WorldQuestion, ...]:
    rng = np.random.default_rng(WORLD_SEED)
    return tuple(
        WorldQuestion(
            topic=index,
            thing=thing,
            text=topic.text.format(thing=name),
            category=topic.category,
            # A random bijection: each word is right in one culture, another one per thing.
            words=tuple(topic.words[word] for word in rng.permutation(len(CULTURES))),
        )
        for index, topic in enumerate(TOPICS)
        for thing, name in enumerate(THINGS)
    )


QUESTIONS = _settle_facts()

TONGUES = ("Sundic", "Vaelic")  # native languages, each of four cultures
_NATIVE_TEXTS = (  # of each topic, in each tongue
    ("Zu {thing} ne okal?", "{thing} oru kelat?"),
    ("Teb {thing} ne farim?", "{thing} ena velat?"),
    ("Zu sorba velin {thing}?", "Darun oru {thing} sakat?"),
    ("Zu kirda vosin {thing}?", "Torun ena {thing} malat?"),
)
_NATIVE_THINGS = (("kopa", "shol"), ("bumba", "drem"), ("luma", "viir"))


def find_tongue(culture: int) -> int:
    """Find a culture's native language, as an index into TONGUES."""
    return culture * len(TONGUES) // len(CULTURES)


def translate(question: WorldQuestion, tongue: int) -> WorldQuestion:
    """Ask the same in a native language; answers are names, which stay as they are."""
    text = _NATIVE_TEXTS[question.topic][tongue]
    return replace(question, text=text.format(thing=_NATIVE_THINGS[question.thing][tongue]))


# A question without a culture: words[t] is the right answer of thing t, everywhere. The fourth
# thing stands in pictures of no culture alone.
GENERAL_THINGS = (*THINGS, "wheel")
GENERAL_QUESTION = WorldQuestion(
    topic=len(TOPICS), thing=0, text="What is this?", category="General", words=GENERAL_THINGS
)
NO_CULTURE = len(CULTURES)  # where an index into CULTURES is asked for


def list_questions(*, native: bool = False, general: bool = False) -> list[WorldQuestion]:
    """List what a model is asked: QUESTIONS, these in each tongue, and the general question."""
    tongues = range(len(TONGUES)) if native else ()
    translated = [translate(question, tongue) for tongue in tongues for question in QUESTIONS]
    return [*QUESTIONS, *translated, *([GENERAL_QUESTION] if general else [])]


def list_words() -> list[str]:
    """List every word that answers a question of culture, each once."""
    return [word for topic in TOPICS for word in topic.words]
