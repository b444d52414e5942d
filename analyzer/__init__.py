"""dlmscope: DLMS/COSEM traffic decoded, opened and explained.

    from analyzer import KeyRing, decode, diagnose, diff, open_trace

The names are loaded when they are first used, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "open_trace": "analyzer.inputs",
    "decode": "analyzer.decoding",
    "diagnose": "analyzer.diagnosis",
    "diff": "analyzer.comparison",
    "KeyRing": "analyzer.keyring",
}
__all__ = ["KeyRing", "decode", "diagnose", "diff", "open_trace"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
