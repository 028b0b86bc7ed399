"""`import hardened.auto`: every call through a supported provider SDK is traced, guarded, priced and scrubbed.

Imports no provider SDK and never raises: what cannot be set up is logged with what to do about it.
"""

from hardened.setup import instrument

instrument()
