"""The rules, one file a layer. Importing this package registers them all."""

from analyzer.diagnosis.rules import (
    acse,
    addressing,
    agreement,
    between,
    carriers,
    damaged,
    encoding,
    frames,
    given_keys,
    hls,
    initiate,
    keys,
    llc,
    ranges,
    security,
    segments,
    services,
    session,
    speed,
    values,
)
