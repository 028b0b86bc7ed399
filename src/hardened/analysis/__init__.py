"""Traces back out of their files: as typed spans (`read_spans`, no dependency) or as a pandas table (`load_traces`)."""

from hardened.analysis.load import load_traces
from hardened.analysis.spans import GuardDecision, SpanRecord, read_spans

__all__ = ["GuardDecision", "SpanRecord", "load_traces", "read_spans"]
