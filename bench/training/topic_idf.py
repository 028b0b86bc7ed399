"""Counts how common words and pieces of words are: the table by which the detector `topic` weighs them.

    python bench/training/topic_idf.py DATA.jsonl detectors/hardened_detectors/topic/idf.bin

DATA has a `text`, a `label` and a `licence` on each line. Only harmless rows (label 0) under a licence that is not
share-alike are counted. The table holds one byte for each of 65,536 hashed pieces: sixteen times the logarithm of
(texts + 1) / (texts that contain it + 1). It holds no text, and none can be read out of it. The same rows in any order
give the same bytes; the rows, their licences and the result's digest are printed for the card.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections import Counter
from pathlib import Path

from hardened_detectors.topic.features import BUCKETS, STEPS, bucket, pieces, tokens, word

LONGEST = 2000
"""Characters of a text that are counted."""

SHARE_ALIKE = ("SA", "CDLA")


def main(data: str, target: str) -> None:
    containing = [0] * BUCKETS
    licences: Counter[str] = Counter()
    with Path(data).open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["label"] or any(word in row["licence"] for word in SHARE_ALIKE):
                continue
            licences[row["licence"]] += 1
            words = {word(token) for token in tokens(row["text"][:LONGEST])} - {""}
            for number in {bucket(piece) for letters in words for piece in pieces(letters)}:
                containing[number] += 1
    texts = licences.total()
    table = bytes(min(255, round(STEPS * math.log((texts + 1) / (count + 1)))) for count in containing)
    Path(target).write_bytes(table)
    for licence, count in licences.most_common():
        print(f"{count:6} {licence}")
    print(f"{texts:6} texts; sha256 {hashlib.sha256(table).hexdigest()}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
