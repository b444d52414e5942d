"""Reports, comparison and patch over mutated traces: whatever the octets, all of them come out, and no error."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.comparison import diff
from analyzer.decoding import decode
from analyzer.diagnosis import diagnose
from analyzer.diagnosis.patch import patched
from analyzer.model import Record, Trace
from analyzer.report import diagnosis_html, diagnosis_markdown, diff_html, patch_hexlog
from analyzer.sources import read_input
from tests.support import CLIENT, METER, Station, ciphered, keys, plain, thread
from tests.test_reports import checked

TRACES = [
    plain().trace(),
    plain("wrapper").trace(),
    ciphered().trace(),
    ciphered("wrapper", Station(CLIENT, data=b"\x30"), Station(METER)).trace(),
    thread()[1][0],
]


@st.composite
def mutated(draw: st.DrawFn) -> Trace:
    """A trace with octets changed, records cut, dropped, repeated or exchanged."""
    trace = draw(st.sampled_from(TRACES))
    rows = [(record.data, record.direction) for record in trace]
    for _ in range(draw(st.integers(0, 4))):
        if not rows:
            break
        at = draw(st.integers(0, len(rows) - 1))
        data, direction = rows[at]
        place = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(("octet", "cut", "drop", "repeat", "turn", "insert")))
        if kind == "octet":
            data = data[:place] + bytes([draw(st.integers(0, 255))]) + data[place + 1 :]
        elif kind == "cut":
            data = data[:place]
        elif kind == "insert":
            data = data[:place] + draw(st.binary(max_size=6)) + data[place:]
        rows[at] = data, direction
        if kind == "drop":
            del rows[at]
        elif kind == "repeat":
            rows.insert(at, rows[at])
        elif kind == "turn":
            rows[at] = data, "client" if direction == "meter" else "meter"
    return Trace("mutated", "test", [Record(n, data, side) for n, (data, side) in enumerate(rows, 1)])  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated(), st.sampled_from(TRACES))
def test_nothing_breaks_them(trace: Trace, good: Trace) -> None:
    ring = keys()
    messages, working = list(decode(trace, ring)), list(decode(good, ring))
    found = diagnose([(trace, messages)], ring, against=[(good, working)])
    compared = diagnosis_html.Compared(diff(working, messages), ("good", "mutated"), (working, messages))
    checked(diagnosis_html.render(found, [messages], [compared]))
    checked(diff_html.render(compared.result, "good", "mutated", working, messages))
    assert diagnosis_markdown.render(found, [messages]).startswith("## mutated")
    lines = patched(found[0], messages, ring)
    text = patch_hexlog.render([("mutated", lines)])
    if not any(line.remark or line.heading for line in lines):
        assert sorted(b"".join(line.data for line in lines)) == sorted(b"".join(m.wire for m in messages))
    read = read_input(text.encode(), "out.log") if any(line.data for line in lines) else []
    assert b"".join(r.data for one in read for r in one) == b"".join(line.data for line in lines)
    for finding in found[0].findings:
        if finding.code == "differs-from-working":
            assert finding.certainty != "proven"
