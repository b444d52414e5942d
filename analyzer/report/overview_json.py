"""Overviews as JSON, see `schemas/overview.schema.json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analyzer.index.overview import Counters, Moment, Overview, Way
from analyzer.report import source_issues


def render(overviews: Sequence[Overview]) -> dict[str, Any]:
    """One object a trace."""
    return {"traces": [_trace(one) for one in overviews]}


def _trace(one: Overview) -> dict[str, Any]:
    return {
        "trace": one.trace.name,
        "source": one.trace.source,
        "issues": source_issues.as_json(one.trace.issues),
        "frames": one.frames,
        "octets": one.octets,
        "messages": one.messages,
        "framings": dict(one.framings),
        "damaged": one.damaged,
        "stray_octets": one.stray,
        "stray_places": one.strays,
        "idle_flags": one.idle,
        "echoes": one.echoes,
        "first": _time(one.first),
        "last": _time(one.last),
        "seconds": round(one.last.seconds - one.first.seconds, 6) if one.first and one.last else None,
        "longest_silence": {"seconds": round(one.silence[0], 6), "after": one.silence[1].text} if one.silence else None,
        "links": [{"framing": link.framing, "ways": [_way(way) for way in link.ways]} for link in one.links],
    }


def _way(way: Way) -> dict[str, Any]:
    return {
        "source": way.source,
        "destination": way.destination,
        "direction": way.side,
        "frames": way.frames,
        "octets": way.octets,
        "kinds": dict(way.kinds),
        "apdus": dict(way.apdus),
        "ciphered": way.ciphered,
        "counters": [_counters(one) for one in way.counters],
        "first": _time(way.first),
        "last": _time(way.last),
    }


def _counters(one: Counters) -> dict[str, Any]:
    return {
        "key": one.key,
        "count": one.count,
        "controls": {f"{control:02X}": count for control, count in sorted(one.controls.items())},
        "lowest": one.lowest,
        "highest": one.highest,
        "went_back": one.back,
        "repeated": one.repeated,
    }


def _time(moment: Moment | None) -> str | None:
    return moment.text if moment is not None else None
