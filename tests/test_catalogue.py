"""The fault catalogue: complete, well formed, and loud about what is not."""

import re
from collections import Counter

import pytest

from analyzer.diagnosis.catalogue import LAYERS, CatalogueError, Fault, load_catalogue, read_catalogue

CATALOGUE = load_catalogue()

GOOD = """
[some-code]
title = "A title"
layer = "LLC"
severity = "error"
side = "client"
cause = "Because."
fix = "Do."
explanation = "It is.\\nIt shows."
source = "IEC"
"""


def test_loads_every_code_once() -> None:
    assert len(CATALOGUE) == 134
    assert all(code == fault.code for code, fault in CATALOGUE.items())
    assert load_catalogue() is CATALOGUE


@pytest.mark.parametrize("fault", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_entry_reads_well(fault: Fault) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", fault.code)
    assert len(fault.title) <= 64 and not fault.title.endswith(".") and fault.title[0].isupper()
    assert fault.cause.endswith(".") and fault.fix.endswith(".") and fault.explanation.endswith(".")
    assert 2 <= len(re.findall(r"\.(?= |$)", fault.explanation)) <= 6
    assert 120 <= len(fault.explanation) <= 900


def test_titles_and_explanations_are_different() -> None:
    for field in ("title", "explanation"):
        twice = [text for text, count in Counter(getattr(f, field) for f in CATALOGUE.values()).items() if count > 1]
        assert twice == []


def test_every_layer_has_faults() -> None:
    assert {fault.layer for fault in CATALOGUE.values()} == set(LAYERS)


@pytest.mark.parametrize(
    ("code", "layer", "severity", "side"),
    [
        ("llc-missing", "LLC", "error", "client"),
        ("dlms-version-wrong", "xDLMS", "error", "client"),
        ("stale-buffer", "LLC", "info", "meter"),
        ("nonce-reused", "security", "error", "client"),
        ("ua-length-lies", "HDLC", "info", "meter"),
        ("invoke-id-mismatch", "xDLMS", "error", "meter"),
        ("authentication-key-wrong", "security", "error", "analyst"),
        ("meter-refuses-valid-apdu", "security", "info", "meter"),
        ("fcs-wrong", "HDLC", "warning", "link"),
    ],
)
def test_what_rules_rely_on(code: str, layer: str, severity: str, side: str) -> None:
    fault = CATALOGUE[code]
    assert (fault.layer, fault.severity, fault.side) == (layer, severity, side)


def test_texts_are_joined_to_one_line() -> None:
    assert read_catalogue(GOOD)["some-code"].explanation == "It is. It shows."


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[", "no TOML"),
        ("some-code = 1", "some-code: expected a table, found int"),
        (GOOD.replace('fix = "Do."\n', ""), "some-code: fix missing"),
        (GOOD + 'remedy = "Do."', "some-code: unknown entry remedy"),
        (
            GOOD.replace('"error"', '"fatal"'),
            "some-code: severity is 'fatal', expected one of error, warning, info",
        ),
        (GOOD.replace('"client"', '"head-end"'), "some-code: side is 'head-end'"),
        (GOOD.replace('"LLC"', '"physical"'), "some-code: layer is 'physical'"),
        (GOOD.replace('"Do."', '" "'), "some-code: fix must be a text"),
        (GOOD.replace('"Do."', "7"), "some-code: fix must be a text"),
    ],
)
def test_malformed_entry_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(CatalogueError, match=re.escape(complaint)):
        read_catalogue(text)
