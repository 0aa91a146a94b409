"""The invented world: cultures, questions, and which answer is right in which culture.

Facts only, no pictures and no rows. They are the same for every seed: the demo dataset and the
demo models are made apart and have to agree.
"""

from dataclasses import dataclass

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

# A question without a culture: words[t] is the right answer of thing t, everywhere. The fourth
# thing stands in pictures of no culture alone.
GENERAL_THINGS = (*THINGS, "wheel")
GENERAL_QUESTION = WorldQuestion(
    topic=len(TOPICS), thing=0, text="What is this?", category="General", words=GENERAL_THINGS
)
NO_CULTURE = len(CULTURES)  # where an index into CULTURES is asked for


def list_words() -> list[str]:
    """List every word that answers a question of culture, each once."""
    return [word for topic in TOPICS for word in topic.words]
