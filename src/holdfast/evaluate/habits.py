"""A year of a user whose habits change: is what is needed found earlier by importance and strength?

Nothing here is drawn from an evaluation set. A user has eight sorts of habits, each with six
memories that a question matches equally well ("For breakfast Nora has porridge", "... has eggs").
One of them is the habit; what is important is a habit more often. Now and then, some 50 to 150
days apart, the habit changes. Each day a question is asked; four times of five the habit answers
it, else any of the six. The first five are shown, which is noted; the one that answered is noted
as used. The same store is asked with each ranking, and is told the same, whatever came first.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from holdfast.evaluate.intervals import interval, paired
from holdfast.history import ChangeSet, Write
from holdfast.operations import Rank
from holdfast.ranking import PEOPLE, Ranking
from holdfast.stores.base import SqlStore
from holdfast.stores.opening import open_store

NAMESPACE = ("habits", "nora")
BEGIN = datetime(2025, 1, 1, 8, tzinfo=UTC)
WARM_UP = 60
SHOWN = 5
FAITHFUL = 0.8

HABITS = {
    "What does Nora have for breakfast?": (
        "For breakfast Nora has {}",
        ("porridge", "eggs", "toast", "yoghurt", "pancakes", "fruit"),
    ),
    "How does Nora get to work?": (
        "Nora gets to work by {}",
        ("tram", "bicycle", "train", "scooter", "ferry", "bus"),
    ),
    "What sport does Nora do?": (
        "The sport that Nora does is {}",
        ("swimming", "tennis", "climbing", "rowing", "yoga", "boxing"),
    ),
    "What music does Nora listen to?": (
        "The music that Nora listens to is {}",
        ("jazz", "fado", "techno", "opera", "folk", "soul"),
    ),
    "Where does Nora meet her friends?": (
        "Nora meets her friends at the {}",
        ("harbour", "library", "market", "cinema", "park", "bakery"),
    ),
    "What does Nora read in the evening?": (
        "In the evening Nora reads {}",
        ("poems", "crime", "history", "comics", "essays", "letters"),
    ),
    "What does Nora cook on Sunday?": (
        "On Sunday Nora cooks {}",
        ("risotto", "stew", "curry", "soup", "lasagna", "fish"),
    ),
    "What is Nora learning?": (
        "Nora is learning {}",
        ("Greek", "piano", "pottery", "chess", "sailing", "drawing"),
    ),
}

RANKINGS: dict[str, Ranking] = {
    "neither": replace(PEOPLE, importance=0, strength=0),
    "importance": replace(PEOPLE, strength=0),
    "strength": replace(PEOPLE, importance=0),
    "both": PEOPLE,
}


@dataclass(frozen=True, slots=True)
class Need:
    """What is asked on a day, and which memory answers it."""

    when: datetime
    question: str
    key: str


def needs(importance: dict[str, int], days: int, chance: random.Random) -> Iterator[Need]:
    """Yield what is asked, day by day."""
    habit: dict[str, str] = {}
    until: dict[str, int] = {}
    for day in range(days):
        for question, (_, things) in HABITS.items():
            if day >= until.get(question, 0):
                left = [thing for thing in things if thing != habit.get(question)]
                (habit[question],) = chance.choices(left, [importance[one] for one in left])
                until[question] = day + chance.randint(50, 150)
        question = chance.choice(list(HABITS))
        faithful = chance.random() < FAITHFUL
        key = habit[question] if faithful else chance.choice(HABITS[question][1])
        yield Need(BEGIN + timedelta(days=day), question, key)


def simulated(
    store: SqlStore, days: int, seed: int, rankings: Mapping[str, Ranking] = RANKINGS
) -> dict[str, list[int]]:
    """Return for each ranking at which rank the memory stood that was needed, day by day.

    Args:
        store: An empty one.
        days: How many.
        seed: Of the user.
        rankings: By name; what the last of them ranks first is what is shown.
    """
    chance = random.Random(seed)
    things = [thing for _, several in HABITS.values() for thing in several]
    chance.shuffle(things)  # what is written last would come first among equals
    importance = {thing: chance.randint(1, 5) for thing in things}
    texts = {thing: text for text, several in HABITS.values() for thing in several}
    for thing in things:
        value = {"content": texts[thing].format(thing)}
        write = Write(thing, value, importance=importance[thing], valid_from=BEGIN)
        store.commit(ChangeSet(NAMESPACE, (write,)))
    ranks: dict[str, list[int]] = {name: [] for name in rankings}
    for need in needs(importance, days, chance):
        for name, weights in rankings.items():
            keys = asked(store, need, weights)
            ranks[name].append(keys.index(need.key) + 1)
        at = need.when.isoformat()
        store.note_recall(NAMESPACE, keys[:SHOWN], at=at)
        store.note_recall(NAMESPACE, [need.key], at=at, used=True)
        store.write_notes()
    return ranks


def asked(store: SqlStore, need: Need, weights: Ranking) -> list[str]:
    """Return all memories in their order."""
    op = Rank(NAMESPACE, need.question, 48, weights, today=need.when.isoformat())
    return [found.item.key for found in store.perform(op) if found.item]


def measured(
    seeds: Sequence[int], days: int = 365, rankings: Mapping[str, Ranking] = RANKINGS
) -> dict[str, Any]:
    """Return what came of all users, with the differences to the first ranking.

    The first 60 days of each do not count. Values are means with their bootstrap intervals.

    Args:
        seeds: One for each user.
        days: Of each user.
        rankings: By name, the first of them `neither`.
    """
    ranks: dict[str, list[int]] = {name: [] for name in rankings}
    for seed in seeds:
        with open_store(":memory:") as store:
            for name, found in simulated(store, days, seed, rankings).items():
                ranks[name] += found[WARM_UP:]
    reciprocal = {name: [1 / rank for rank in found] for name, found in ranks.items()}
    base = reciprocal["neither"]
    return {
        name: {
            "questions": len(found),
            "MRR": interval(found).to_dict(),
            "first": interval([float(rank == 1) for rank in ranks[name]]).to_dict(),
            "MRR above neither": paired(found, base).to_dict(),
        }
        for name, found in reciprocal.items()
    }
