"""Text in, findings out: detectors for personal data, credentials, prompt injection and topics.

`registry.create(name)` makes a detector, `scanner.Scanner` runs several over one text, `overlaps.resolve` makes their
findings disjoint. The contract of a detector is in `api`.
"""

from . import native as native  # its exit handler is to be registered early, so that it runs late
