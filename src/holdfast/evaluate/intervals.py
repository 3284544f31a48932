"""Means with intervals, and whether they differ: the bootstrap over questions, with numpy.

Questions are drawn as if each stood for itself. Those of one conversation share its words, so over
few conversations the intervals are rather too narrow than too wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

RESAMPLES = 10_000
LEVEL = 0.95
_AT_ONCE = 2_000_000
"""How many draws are held in memory at once."""
_EXACT = 13
"""With how many differences all signs are tried, which are fewer then than the draws."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and the interval in which it lies in 95 % of the resamples."""

    mean: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Return it as JSON data, to six digits."""
        return {name: round(value, 6) for name, value in asdict(self).items()}


def intervals(
    values: Sequence[Sequence[float]] | Any, *, seed: int = 0, resamples: int = RESAMPLES
) -> list[Interval]:
    """Return the mean of each column with its bootstrap interval.

    Rows are drawn with replacement, as many as there are, `resamples` times; the interval goes
    from the 2.5th to the 97.5th percentile of the resamples' means. All columns are computed from
    the same draws.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.

    Args:
        values: One row for each question, one column for each thing measured.
        seed: Of the draws.
        resamples: How many.
    """
    import numpy as np

    table = np.asarray(values, dtype=np.float64)
    number, columns = table.shape
    random = np.random.default_rng(seed)
    means = np.empty((resamples, columns))
    step = max(1, _AT_ONCE // number)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = random.integers(0, number, (rows, number))
        drawn += np.arange(rows)[:, np.newaxis] * number
        often = np.bincount(drawn.ravel(), minlength=rows * number).reshape(rows, number)
        means[start : start + rows] = often @ table / number
    outside = (1 - LEVEL) / 2
    low, high = np.quantile(means, [outside, 1 - outside], axis=0)
    mean = table.mean(axis=0)
    # Sums in another order differ in the last digit.
    limits = zip(mean, np.minimum(low, mean), np.maximum(high, mean), strict=True)
    return [Interval(*map(float, limit)) for limit in limits]


def interval(values: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """Return the mean of some values with its bootstrap interval; see `intervals`.

    Example:
        >>> interval([1.0, 1.0, 1.0])
        Interval(mean=1.0, low=1.0, high=1.0)
    """
    return intervals([[value] for value in values], seed=seed, resamples=resamples)[0]


def paired(
    one: Sequence[float],
    other: Sequence[float],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the mean difference of two rows over the same questions, with its interval.

    Both are drawn together, so what makes a question hard for both cancels out. Where the interval
    leaves out 0, the rows differ.

    Source: as for `intervals`; the pairs are what is resampled.

    Example:
        >>> paired([1.0, 0.0], [1.0, 0.0])
        Interval(mean=0.0, low=0.0, high=0.0)
    """
    differences = [a - b for a, b in zip(one, other, strict=True)]
    return interval(differences, seed=seed, resamples=resamples)


def p_value(
    one: Sequence[float],
    other: Sequence[float],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> float:
    """Return how likely `one` would lie above `other` as far as it does, were they of a kind.

    A paired sign-flip (permutation) test of the mean difference, one-sided: were the two of a
    kind, each difference could as well have the other sign. Up to 13 differences that are not 0
    all signs are tried, from there on `resamples` drawn ones. Scores are often 0 or 1, or few
    grades, and pairs few; this test assumes no form of them and keeps its level exactly, where a
    t-test or a bootstrap over ten pairs says yes too often. Fewer than five pairs can never come
    to 0.05 or less.

    Source: Fisher, "The Design of Experiments" (1935), section 21; chosen among others for small
    sets of scores by Smucker, Allan and Carterette, "A Comparison of Statistical Significance
    Tests for Information Retrieval Evaluation" (2007).

    Example:
        >>> p_value([1, 1, 1, 1, 1], [0, 0, 0, 0, 0])
        0.03125
        >>> p_value([1, 0], [1, 0])
        1.0
    """
    import numpy as np

    pairs = zip(one, other, strict=True)
    differences = np.asarray([a - b for a, b in pairs if a != b], dtype=np.float64)
    number = len(differences)
    if not number:
        return 1.0
    # Sums in another order differ in the last digit.
    least = differences.sum() - 1e-9 * np.abs(differences).sum()
    if number <= _EXACT:
        signs = 1 - 2 * ((np.arange(2**number)[:, np.newaxis] >> np.arange(number)) & 1)
        return float(np.mean(signs @ differences >= least))
    random = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // number)
    as_far = 0
    for start in range(0, resamples, step):
        drawn = random.integers(0, 2, (min(step, resamples - start), number), dtype=np.int8)
        as_far += int(np.sum((1 - 2 * drawn) @ differences >= least))
    return (as_far + 1) / (resamples + 1)
