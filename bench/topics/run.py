"""How well the detector `topic` tells texts inside and outside of a few allowed topics apart.

    python bench/topics/run.py [FILE ...]

FILE has intents as in `intents.txt`, which is the default: `# name`, then one sentence a line. For each of thirty
draws eight intents are allowed, with six sentences each as examples; their other sentences are to pass, and everything
else is to be found. "Near" are the sentences of the intents that are not allowed, "far" general requests. The accuracy
is the mean of three rates, of inside, near and far, at the threshold that the detector finds by itself.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from hardened.evaluation.metrics import Ranking, percentile
from hardened_detectors.topic import create

DRAWS, TOPICS, EXAMPLES = 30, 8, 6
FAR = Path(__file__).with_name("far.txt")


def intents(file: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            sentences = found.setdefault(line[2:], [])
        elif line:
            sentences.append(line)
    return {name: sentences for name, sentences in found.items() if len(sentences) > EXAMPLES}


def main(files: list[Path]) -> None:
    far = FAR.read_text(encoding="utf-8").splitlines()
    for file in files:
        rng = random.Random(0)
        known = intents(file)
        near_auc, far_auc, accuracy, times = [], [], [], []
        for _ in range(DRAWS):
            allowed = rng.sample(sorted(known), TOPICS)
            shuffled = {name: rng.sample(known[name], len(known[name])) for name in allowed}
            detector = create(allow={name: {"examples": shuffled[name][:EXAMPLES]} for name in allowed})
            inside = [detector.score(text) for name in allowed for text in shuffled[name][EXAMPLES:]]
            near = [detector.score(text) for name in known if name not in allowed for text in known[name]]
            away = [detector.score(text) for text in far]
            near_auc.append(Ranking(near, inside).auc().value)
            far_auc.append(Ranking(away, inside).auc().value)
            rates = [mean(score < 0.5 for score in inside), *(mean(s >= 0.5 for s in group) for group in (near, away))]
            accuracy.append([mean(rates), *rates])
            long = " ".join(text for name in known for text in known[name])[:2000]
            detector.detect(long)
            began = time.thread_time_ns()
            detector.detect(long)
            times.append((time.thread_time_ns() - began) / 1000)
        rates = [mean(column) for column in zip(*accuracy, strict=True)]
        print(f"{file.name}: AUC near {mean(near_auc):.3f}, far {mean(far_auc):.3f}; accuracy {rates[0]:.3f}", end=" ")
        print(f"(inside {rates[1]:.3f}, near {rates[2]:.3f}, far {rates[3]:.3f}); 2 kB {percentile(times, 0.5):.0f} µs")


def mean(values) -> float:
    values = list(values)
    return sum(values) / len(values)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or [Path(__file__).with_name("intents.txt")])
