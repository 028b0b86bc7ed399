"""Ties the margins of a trained channel to the operating points, on texts that it was not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from corpus import Text
from numpy.typing import NDArray

from hardened_detectors.injection.calibration import BENIGN_BELOW, Calibration
from hardened_detectors.injection.features import words
from hardened_detectors.injection.model import Channel

_ALLOWANCES = tuple(step / 20 for step in range(7))


def calibrated(channel: Channel, validation: Sequence[Text]) -> Channel:
    """The channel with its operating points, and with what it asks of long texts.

    Points are fixed on real ordinary texts: made ones are easier. Of several allowances for length the one with the
    highest recall at the point `default`, as the mean over the sources of attacks, is taken.
    """
    read = [words(text.text) for text in validation]
    worst = np.array([channel.worst(text) for text in read])
    best = max(
        (_calibration(worst, read, validation, per_doubling) for per_doubling in _ALLOWANCES),
        key=lambda found: found[0],
    )
    return replace(channel, calibration=best[1])


def _calibration(
    worst: NDArray[np.float64], read: Sequence[Sequence[str]], validation: Sequence[Text], per_doubling: float
) -> tuple[float, Calibration]:
    allowance = Calibration(0.0, 1.0, 2.0, per_doubling).allowance
    margins = worst - np.array([allowance(len(text)) for text in read])
    ordinary = [not text.attack and text.real for text in validation]
    benign = margins[ordinary if any(ordinary) else [not text.attack for text in validation]]
    points = {
        name: float(np.quantile(benign, share, method="higher")) if len(benign) else 0.0
        for name, share in BENIGN_BELOW.items()
    }
    recalls = recall_by_source(dict(zip(validation, margins, strict=True)), points["default"])
    return float(np.mean(list(recalls.values()) or [0.0])), Calibration(**points, per_doubling=per_doubling)


def recall_by_source(scored: Mapping[Text, float], least: float) -> dict[str, float]:
    """For each source of attacks the share with at least this score."""
    found: dict[str, list[bool]] = {}
    for text, score in scored.items():
        if text.attack:
            found.setdefault(text.source, []).append(score >= least)
    return {source: sum(hits) / len(hits) for source, hits in found.items()}
