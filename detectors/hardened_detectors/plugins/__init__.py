"""Detectors around other libraries, each behind an extra; what they wrap is imported with the first text.

A name may carry a suffix: `classifier.toxicity` is a second `classifier`, with a policy of its own.
"""
