"""Markdown and HTML: complete, escaped, without a secret where none may be, and without the network."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from analyzer.cli import main
from analyzer.comparison import diff
from analyzer.decoding import decode
from analyzer.diagnosis import diagnose
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.model import Record, Trace
from analyzer.redaction import Redactor, secrets_of
from analyzer.report import diagnosis_html, diagnosis_markdown, diff_html
from tests.support import (
    CLIENT,
    EK,
    INITIATE_REQUEST,
    METER,
    THREAD,
    Conversation,
    Station,
    aarq,
    ciphered,
    keys,
    plain,
    thread,
    thread_keys,
)

HOSTILE = '<script>alert("x")</script> | `code` *bold* [link](http://x) # </style>'
VOID = {"meta", "br"}


class Checked(HTMLParser):
    """Counts elements, and fails where tags do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            assert found["id"] not in self.ids
            self.ids.add(str(found["id"]))
        if (found.get("href") or "").startswith("#"):
            self.links.add(str(found["href"])[1:])
        assert not (found.get("src") or (found.get("href") or "#")[0] != "#"), "nothing is fetched"
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(html: str) -> Checked:
    parser = Checked()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    assert parser.links <= parser.ids, parser.links - parser.ids
    return parser


def reports(trace: Trace, ring: KeyRing, redact: bool = False) -> dict[str, str]:
    messages: list[Message] = list(decode(trace, ring))
    mask: Callable[[str], str] | None = Redactor(secrets_of(messages, ring, True)).text if redact else None
    found = diagnose([(trace, messages)], ring)
    return {
        "markdown": diagnosis_markdown.render(found, [messages], mask),
        "html": diagnosis_html.render(found, [messages], (), mask),
        "diff": diff_html.render(diff(messages, messages[:3]), trace.name, "other", messages, messages[:3], mask),
    }


def test_the_thread_in_html() -> None:
    both = thread()
    found = diagnose(both, thread_keys())
    own = [messages for _, messages in both]
    result = diagnosis_html.Compared(diff(*own), (both[0][0].name, both[1][0].name), (own[0], own[1]))
    html = diagnosis_html.render(found, own, [result])
    page = checked(html)
    assert page.seen.count("details") == 16 and page.seen.count("section") == sum(len(one.findings) for one in found)
    assert "llc-missing" in html and "proposed_dlms_version_number" in html and "default-src 'none'" in html
    assert {"t1m10", "t2m3", "t2f1"} <= page.ids
    assert not re.search(r"https?://(?!www\.gurux)", html)


def test_every_octet_of_a_message_is_there_and_every_field_lies_within() -> None:
    (trace, messages), _ = thread()
    html = diagnosis_html.render(diagnose([(trace, messages)], thread_keys()), [messages])
    boxes = re.findall(r'<details class="message" id="t1m(\d+)".*?</details>', html, re.DOTALL)
    assert [int(n) for n in boxes] == [m.number for m in messages]
    for box, message in zip(
        re.findall(r'<details class="message".*?</details>', html, re.DOTALL), messages, strict=True
    ):
        buffers = {0: message.wire, **{b.id: b.data for b in message.buffers}}
        shown = {int(n): cells for n, cells in re.findall(r'<div class="hex" data-b="(\d+)">(.*?)</div>', box)}
        assert {n: bytes.fromhex("".join(re.findall("<i>(..)</i>", cells))) for n, cells in shown.items()} == buffers
        for buffer, start, end in re.findall(r'data-b="(\d+)" data-s="(\d+)" data-e="(\d+)"', box):
            assert 0 <= int(start) <= int(end) <= len(buffers[int(buffer)])


def test_the_thread_in_markdown() -> None:
    both = thread()
    text = diagnosis_markdown.render(diagnose(both, thread_keys()), [messages for _, messages in both])
    assert "## MY SOFTWARE: failing" in text and "### 1. LLC header is missing" in text
    assert text.count("```") % 2 == 0
    assert re.search(r"3 --> AARQ, .* <= 1, 2", text)


def test_hostile_names_do_no_harm() -> None:
    talk = plain()
    trace = Trace(HOSTILE, HOSTILE, talk.records)
    made = reports(trace, KeyRing())
    for kind in ("html", "diff"):
        assert "<script>alert" not in made[kind]
        assert checked(made[kind]).seen.count("script") == 1
    assert r"\<script\>" in made["markdown"] and r"\`code\`" in made["markdown"]


@pytest.mark.parametrize("kind", ["markdown", "html", "diff"])
def test_nothing_secret_is_left(kind: str) -> None:
    password = b"pa_ss<wo&rd"
    talk = Conversation().connect().request(aarq(INITIATE_REQUEST, mechanism=1, challenge=password, title=CLIENT))
    for record in ciphered("hdlc", Station(CLIENT), Station(METER)).records[2:]:
        talk.add(record.data, record.direction)
    ring = keys(password=password.decode())
    text = reports(talk.trace(), ring, redact=True)[kind]
    bare = re.sub(r"<[^>]*>|[\s|^]", "", text)
    for secret in (EK, CLIENT, METER, CLIENT[3:], password):
        assert secret.hex().upper() not in bare.upper()
    assert "pa_ss" not in text and r"pa\_ss" not in text and "wo&amp;rd" not in text
    assert (
        CLIENT.hex().upper() in re.sub(r"<[^>]*>|[\s|^]", "", reports(talk.trace(), ring)[kind]).upper()
        or kind == "markdown"
    )


def test_long_traces_are_bounded() -> None:
    html = reports(plain(reads=600).trace(), KeyRing())["html"]
    assert checked(html).seen.count("details") == 300 and "300 of 1206 messages open" in html


def test_octets_that_make_no_frame() -> None:
    for made in reports(Trace("x", "x", (Record(1, bytes(range(256)) * 20, "unknown"),)), KeyRing()).values():
        assert made


@pytest.mark.parametrize(
    "command", [["diagnose", "--format", "html"], ["diagnose", "--format", "markdown"], ["diff", "--format", "html"]]
)
def test_the_commands(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*command, str(THREAD / "thread.log"), "--keys", str(THREAD / "keys.toml"), "--redact"])
    printed = capsys.readouterr().out
    assert "MY SOFTWARE" in printed and "4858451120000A44" not in re.sub(r"<[^>]*>|\s", "", printed)
    if "html" in command:
        checked(printed)


def test_html_against_a_trace_that_is_not_in_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    log = str(THREAD / "thread.log")
    main(["diagnose", f"{log}#2", "--against", f"{log}#1", "--keys", str(THREAD / "keys.toml"), "--format", "html"])
    page = checked(capsys.readouterr().out)
    assert "t1m6" in page.ids and page.seen.count("table") == 1


def test_numbers_are_covered_in_their_octets_too() -> None:
    talk = Conversation().connect().request(bytes.fromhex("C001C100030100010800FF0200"))
    talk.reply(bytes.fromhex("C401C1000600BC614E")).close()
    for kind in ("html", "diff"):
        bare = re.sub(r"<[^>]*>|\s", "", reports(talk.trace(), KeyRing(), redact=True)[kind])
        assert "12345678" not in bare and "00BC614E" not in bare
        assert "00BC614E" in re.sub(r"<[^>]*>|\s", "", reports(talk.trace(), KeyRing())[kind])
