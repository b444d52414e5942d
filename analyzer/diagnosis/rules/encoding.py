"""What a sender writes otherwise than the standard does, and everybody can read; what a trace leaves open: remarks."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.blocks import LONGEST, block_in
from analyzer.diagnosis.case import Case
from analyzer.diagnosis.counted import Counted, Listed, Many
from analyzer.diagnosis.registry import Hit, rule
from analyzer.frame import fits
from analyzer.message import Layer, Message
from analyzer.model import Side, Span
from analyzer.senders import sender_of_apdu
from grammars.apdu import APDU
from grammars.kit.spec import UNDECODED, Issue
from grammars.parse import parse
from grammars.tables.apdu import APDU_TAGS

REMARKS = 20  # of one side
BARE = 4  # octets of an APDU, at least, that are one with others behind them and no frame around


@rule("unusual-encoding")
def unusual_encoding(case: Case) -> Iterator[Hit]:
    """The remarks of the grammars: swapped tags, indefinite lengths, reserved bits, control characters ..."""
    seen: dict[str, dict[str, list[tuple[Message, Layer, Issue]]]] = {}
    for message, layer in case.once(_remarkable):
        for issue in layer.parsed.issues if case.owns(message) else ():
            if issue.severity == "info":
                said = f"{issue.spec.name}: {issue.text.partition(', found ')[0].partition(' are set: ')[0]}"
                seen.setdefault(message.direction, {}).setdefault(said, []).append((message, layer, issue))
    for direction, remarks in seen.items():
        message, layer, issue = next(iter(remarks.values()))[0]
        yield Hit(
            message,
            tuple(_remark(said, found) for said, found in remarks.items())[:REMARKS],
            field=issue.spec.name,
            span=Span(layer.buffer, issue.start, issue.end),
            side=_side(direction),
            once=f"unusual-encoding {direction}",
        )


def _remark(said: str, found: list[tuple[Message, Layer, Issue]]) -> Counted:
    """A remark as it is first met, and where else."""
    message, _, issue = found[0]
    many = Many(len({one[0].number for one in found}))
    return Counted(_remarked, message.number, issue.spec.name, issue.text, many, key=said, most=REMARKS)


def _remarked(number: int, name: str, text: str, many: int) -> str:
    others = many - 1
    more = f", and in {others} other message{'s' if others > 1 else ''}" if others else ""
    return f"message {number}, {name}: {text}{more}"


@rule("octets-behind-apdu")
def octets_behind_apdu(case: Case) -> Iterator[Hit]:
    """An APDU that is read whole, and octets behind it that nothing accounts for."""
    seen: dict[str, list[tuple[Message, Layer, Issue]]] = {}
    for message, layer in case.once(_remarkable):
        left = [i for i in layer.parsed.issues if i.spec is UNDECODED and i.end == layer.end]
        if left and case.owns(message) and len(layer.nodes) > 1 and layer.nodes[-1][0] is UNDECODED:
            seen.setdefault(message.direction, []).append((message, layer, left[-1]))
    yield from _behind_bare(case)
    for direction, found in seen.items():
        message, layer, issue = found[0]
        octets = message.octets(layer.buffer)[issue.start : issue.end]
        yield Hit(
            message,
            (f"{layer.name} ends, and {octets[:32].hex(' ').upper()} follows", _others([one[0] for one in found])),
            span=Span(layer.buffer, issue.start, issue.end),
            side=_side(direction),
            once=f"octets-behind-apdu {direction}",
        )


def _behind_bare(case: Case) -> Iterator[Hit]:
    """The same without any framing, where such octets hide the APDU or are taken for something else: among others of its
    side that are whole."""
    whole = {m.direction for m in case.messages if m.frames[0].framing == "none" and m.layer is not None}
    for run in _bare_runs(case):
        first, octets = run[0], b"".join(message.wire for message in run)
        direction = first.direction
        if first.layer is None:
            parsed = parse(APDU, octets)
            left = next((issue.start for issue in parsed.issues if issue.spec is UNDECODED), 0)
            reads = parsed.whole and not any(issue.severity == "error" for issue in parsed.issues)
            if not reads or left < BARE or direction not in whole or sender_of_apdu(octets[0]) != direction:
                continue
            name = APDU_TAGS[octets[0]]
        else:
            left, name = len(first.wire), first.layer.name
        said = f"the octets are a whole {name}, and {octets[left:][:32].hex(' ').upper()} follows"
        span = Span(0, left, len(octets)) if len(run) == 1 else None
        yield Hit(first, (said,), span=span, side=_side(direction))


def _bare_runs(case: Case) -> Iterator[list[Message]]:
    """Octets of one record that are no APDU, with what they follow in it, if that is one."""
    run: list[Message] = []
    for message in case.messages:
        bare = message.frames[0].framing == "none"
        goes_on = bare and message.layer is None and run and message.records == run[-1].records
        if run and not goes_on:
            if len(run) > 1 or run[0].layer is None:
                yield run
            run = []
        if bare and (goes_on or message.layer is None or fits(message.layer.parsed)):
            run.append(message)
    if run and (len(run) > 1 or run[0].layer is None):
        yield run


@rule("transfer-unfinished")
def transfer_unfinished(case: Case) -> Iterator[Hit]:
    """Blocks or segments without their last one, when the trace ends."""
    for messages in _unfinished(case):
        first, last = messages[0], messages[-1]
        frames = sum(len(message.frames) for message in messages)
        what = last.plain.name if last.complete and last.plain is not None else "segments"
        evidence = [f"{what}: {frames} of them come, and the last of them says that more follow"]
        if sum(len(message.wire) for message in messages) > LONGEST:
            evidence.append(f"they have more than {LONGEST} octets together, which is given up")
        numbers = f"messages {first.number} to {last.number}" if first is not last else f"message {first.number}"
        yield Hit(last, (*evidence, numbers), side=_side(last.direction))


def _unfinished(case: Case) -> Iterator[list[Message]]:
    open_: dict[tuple[str, str], list[Message]] = {}
    for message in case.messages:
        layer = message.plain
        if message.number in case.unheard:
            continue
        if not message.complete and message.frames[-1].segmented:
            open_.setdefault((message.direction, "segments"), []).append(message)
            continue
        open_.pop((message.direction, "segments"), None)
        carrier = message.layer_named("general-block-transfer")
        if carrier is not None and carrier.inner:
            open_.pop((message.direction, carrier.name), None)
            carrier = None
        carrier = carrier or layer
        block = block_in(carrier.name, carrier.nodes) if carrier is not None else None
        if carrier is None or block is None:
            continue
        key = (message.direction, carrier.name)
        if block.last or block.number == 1:
            open_.pop(key, None)
        if not block.last:
            open_.setdefault(key, []).append(message)
    yield from open_.values()


def _remarkable(case: Case) -> list[tuple[Message, Layer]]:
    """The layers that could be read without an error, and of which there is something to say."""
    found = []
    for message in case.messages:
        for layer in message.layer.walk() if message.layer is not None else ():
            issues = layer.parsed.issues
            if issues and layer.parsed.whole and not any(issue.severity == "error" for issue in issues):
                found.append((message, layer))
    return found


def _others(messages: list[Message]) -> Counted:
    return Counted(_same_in, Listed.of(dict.fromkeys(message.number for message in messages), 11))


def _same_in(numbers: Listed) -> str:
    if numbers.many < 2:
        return ""
    shown = ", ".join(map(str, numbers.first[1:11])) + (f" and {numbers.many - 11} more" if numbers.many > 11 else "")
    return f"the same in {'message' if numbers.many == 2 else 'messages'} {shown}"


def _side(direction: str) -> Side:
    return "client" if direction == "client" else "meter" if direction == "meter" else "link"
