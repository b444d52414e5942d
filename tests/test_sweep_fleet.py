"""What a fleet has in common: models, counters from one capture to the next, meters that were never heard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from analyzer.decoding import decode
from analyzer.message import Message
from analyzer.sources import read_input
from analyzer.sweep import report
from analyzer.sweep.fleet import JUMP, fleet_of
from analyzer.sweep.meters import Meter, Told, as_json
from tests.support import CLIENT, METER, ROOT, Conversation, Station, ciphered, keys, plain

READ_NAME = bytes.fromhex("C001C1000100002A0000FF0200")
NAME = bytes.fromhex("C401C10009") + b"\x10LGZ1030655933512"


def told(messages: Iterable[Message]) -> Told:
    made = Told()
    for message in messages:
        made.add(message)
    return made


def named(name: str) -> str:
    return name


def trace(number: int, meters: list[dict[str, Any]], dates: tuple[float, float] | None = None) -> dict[str, Any]:
    return {"number": number, "trace": "t", "health": "ok", "messages": 2, "span": dates, "findings": {}, "meters": meters,
            "keys": {"verified": 1, "unauthenticated": 0, "failed": 0, "no_key": 0}}  # fmt: skip


def meter(first: int, last: int, name: str = "4C475A0000BC614F", known: bool = True, **more: Any) -> dict[str, Any]:
    counters = [{"direction": "meter", "sender": name, "first": first, "last": last}]
    return {"meter": name, "known": known, "manufacturer": "LGZ", "model": "LGZ", "device_name": None, "framing": "hdlc",
            "requests": 1, "answers": 1, "counters": counters, **more}  # fmt: skip


def part(capture: str, *traces: dict[str, Any]) -> dict[str, Any]:
    return {
        "capture": capture,
        "part": f"id of {capture}",
        "unreadable": None,
        "rows": {"values": 1},
        "traces": list(traces),
    }


def steps(*parts: dict[str, Any]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    fleet = fleet_of(parts)
    return [(s.before, s.after) for s in fleet.back], [(s.before, s.after) for s in fleet.jumps]


def test_counters_that_go_on_are_no_news() -> None:
    assert steps(part("a", trace(1, [meter(1, 9)])), part("b", trace(1, [meter(10, 12)]))) == ([], [])


@pytest.mark.parametrize(("after", "found"), [(3, "back"), (9, "back"), (9 + JUMP, ""), (10 + JUMP, "jump")])
def test_counters_that_do_not(after: int, found: str) -> None:
    back, jumps = steps(part("a", trace(1, [meter(1, 9)])), part("b", trace(1, [meter(after, after + 4)])))
    assert back == ([(9, after)] if found == "back" else [])
    assert jumps == ([(9, after)] if found == "jump" else [])


def test_captures_follow_each_other_by_their_time_where_all_have_one() -> None:
    day = 1.7e9
    late, early = trace(1, [meter(10, 12)], (day + 100, day + 110)), trace(1, [meter(1, 9)], (day, day + 10))
    assert steps(part("a", late), part("b", early)) == ([], [])
    again = trace(1, [meter(2, 3)], (day + 200, day + 210))
    (step,) = fleet_of([part("0", again), part("a", late), part("b", early)]).back
    assert (step.captures, step.ordered) == (("a", "0"), "time")
    assert steps(part("a", late), part("b", early), part("undated", trace(1, [meter(5, 6)]))) == ([], [])


def test_the_same_traffic_captured_twice_is_no_step() -> None:
    assert steps(part("a", trace(1, [meter(1, 9)])), part("copy", trace(1, [meter(1, 9)]))) == ([], [])
    day = 1.7e9
    one, other = trace(1, [meter(1, 9)], (day, day + 10)), trace(1, [meter(5, 14)], (day + 5, day + 15))
    assert steps(part("a", one), part("b", other)) == ([], [])


def test_an_address_is_another_meter_in_another_capture() -> None:
    own = [part(name, trace(1, [meter(1, 9, "address 16", known=False)])) for name in "abc"]
    assert steps(*own) == ([], [])
    assert fleet_of(own).models == (("LGZ", 3, 3),)
    titled = [part(name, trace(1, [meter(n, n)])) for n, name in enumerate("abc")]
    assert fleet_of(titled).models == (("LGZ", 1, 3),)


def test_a_model_that_one_capture_tells_holds_for_all_of_the_meter() -> None:
    parts = [part("a", trace(1, [meter(1, 2)])), part("b", trace(1, [meter(3, 4, model="LGZ E450")]))]
    parts[0]["traces"][0]["findings"] = {"llc-missing": {"severity": "error", "count": 2}}
    fleet = fleet_of(parts)
    assert fleet.codes == (("llc-missing", "error", "LGZ E450", 2, 1, 1),)
    assert fleet_of(parts[::-1]) == fleet


def test_meters_that_were_asked_and_never_heard() -> None:
    fleet = fleet_of([part("a", trace(1, [meter(1, 2, answers=0, requests=5)]))])
    assert fleet.silent == (("4C475A0000BC614F", "LGZ", 5, "a"),)


def test_a_fleet_of_nothing_readable() -> None:
    nothing = {"capture": "a|b", "part": "x", "unreadable": "is *empty*", "rows": {}, "traces": []}
    fleet = fleet_of([nothing])
    assert (fleet.captures, fleet.failing, fleet.unreadable) == (1, 0, (("a|b", "is *empty*"),))
    assert "1 capture: 0 ok, 0 failing, 1 unreadable." in report.as_text(fleet)
    assert "| a\\|b | is \\*empty\\* |" in report.as_markdown(fleet)


# --- the meters of a trace ---------------------------------------------------------------------------------------------


def test_a_meter_by_its_title_with_its_counters() -> None:
    client, device = Station(CLIENT, counter=40), Station(METER)
    messages = list(decode(ciphered(client=client, meter=device).trace(), keys()))
    (found,) = told(messages).meters
    assert (found.name, found.title, found.manufacturer, found.framing) == (METER.hex().upper(), METER, "MMM", "hdlc")
    assert found.answers == 7 and found.requests == 7
    client_counter = found.counters["client", CLIENT.hex().upper()]
    meter_counter = found.counters["meter", METER.hex().upper()]
    assert (client_counter.first, client_counter.last) == (41, client.counter)
    assert (meter_counter.first, meter_counter.last) == (1, device.counter)


def test_what_does_not_verify_counts_nothing() -> None:
    messages = list(decode(ciphered().trace(), keys(ak="00" * 16)))
    assert all(not found.counters for found in told(messages).meters)


def test_the_logical_device_name_tells_the_model_without_its_number() -> None:
    talk = plain().request(READ_NAME).reply(NAME)
    (found,) = told(decode(talk.trace())).meters
    assert (found.device_name, found.model, found.manufacturer) == ("LGZ1030655933512", "LGZ", "LGZ")
    shown = as_json(found, named, covered=True, valued=True)
    assert shown["device_name"] is None and shown["model"] == "LGZ" and not shown["known"]
    assert as_json(found, named, covered=False, valued=True)["device_name"] == "LGZ1030655933512"


def test_a_model_by_what_is_known() -> None:
    assert Meter("x", title=b"KAM\0\0\0\0\1").model == "KAM"
    assert Meter("x", title=b"KAM\0\0\0\0\1", device_name="KAMOMNIPOWER0001").model == "KAMOMNIPOWER"
    assert Meter("x", title=b"\0\1\2\0\0\0\0\1").model == ""
    assert Meter("x", identification="ISK \\2MT382-1000").model == "ISK \\2MT382-1000"


def test_a_telegram_tells_its_model() -> None:
    data = (ROOT / "captures/p1-push/telegrams.txt").read_bytes()
    (found,) = told(m for one in read_input(data, "telegrams.txt") for m in decode(one)).meters
    assert found.manufacturer == "DLM" and found.model.startswith("DLM ") and found.title is None


def test_dates_of_a_capture() -> None:
    talk = Conversation("hdlc").connect()
    assert told(decode(talk.trace())).span is None
