"""The rules, one file a layer. Importing this package registers them all."""

from analyzer.diagnosis.rules import (
    acse,
    addressing,
    carriers,
    frames,
    hls,
    initiate,
    keys,
    llc,
    security,
    services,
    session,
)
