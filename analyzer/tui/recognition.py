"""What a text or a file is, in a sentence: traces, frames, framings, ciphered APDUs and how many the keys open."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse

from analyzer.diagnosis import verdicts
from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.model import SourceIssue, Trace
from analyzer.patience import StoppedError
from analyzer.shown import counted
from analyzer.sources import InputError, read_input
from analyzer.tui.session import Session, Stop

PASTED = "pasted text"
NAMES = {"hdlc": "HDLC", "wrapper": "wrapper", "mbus": "M-Bus", "p1": "P1", "iec62056-21": "IEC 62056-21", "plc": "PLC",
         "prime": "PRIME", "none": "bare APDUs"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """What was recognised. `problem` where nothing can be decoded; `path` where the text named a file."""

    traces: tuple[Trace, ...] = ()
    path: str = ""
    problem: str = ""
    issues: tuple[SourceIssue, ...] = field(default=(), repr=False)


def path_in(text: str) -> str | None:
    """The file that a text names, as terminals paste what is dragged onto them: quoted, escaped, or as a URL."""
    text = text.strip()
    if not text or "\n" in text or len(text) > 4096:
        return None
    candidates = [text, text.strip("'\""), text.replace("\\", "")]
    if text.startswith("file://"):
        candidates.append(unquote(urlparse(text).path))
    for candidate in candidates:
        path = os.path.expanduser(candidate)
        bare = path.rpartition("#")[0]
        try:
            if os.path.isfile(path) or (bare and os.path.isfile(bare)):
                return path
        except (OSError, ValueError):
            return None
    return None


def recognise(text: str) -> Seen:
    """The traces of a pasted text, or of the file that it names. Never raises for any text."""
    if not text.strip():
        return Seen()
    path = path_in(text)
    try:
        traces = open_traces(path) if path else read_input(text.encode("utf-8", "replace"), PASTED)
    except InputError as problem:
        return Seen(path=path or "", problem=str(problem).removeprefix(f"{PASTED}: "))
    return Seen(tuple(traces), path or "", issues=tuple(issue for trace in traces for issue in trace.issues))


def sentence(session: Session, stop: Stop) -> str:
    """What the open traces are, under the keys of the session. Decodes them if they are not yet."""
    decoded = []
    for index, _ in enumerate(session.traces):
        if stop():
            raise StoppedError
        decoded.append(session.messages(index, stop))
    return told(decoded, session.keys)


def told(decoded: Sequence[Sequence[Message]], keys: KeyRing) -> str:
    """Traces, frames, framings; ciphered APDUs by what became of them."""
    frames = Counter(frame.framing for messages in decoded for message in messages for frame in message.frames)
    framings = ", ".join(NAMES.get(name, name) for name, _ in frames.most_common())
    said = (
        f"{counted(len(decoded), 'trace')}, {counted(sum(frames.values()), 'frame')}, {framings or 'nothing decoded'}"
    )
    counts: Counter[str] = Counter()
    for messages in decoded:
        counts.update(verdicts(messages))
    total = sum(counts.values())
    if not total:
        return f"{said}; nothing is ciphered"
    parts = [f"{counts['verified'] + counts['unauthenticated']} open"]
    parts += [f"{counts['verified']} verified"] if counts["unauthenticated"] and counts["verified"] else []
    parts += [f"{counts['unauthenticated']} not authenticated"] if counts["unauthenticated"] else []
    parts += [f"{counts['failed']} with a wrong tag"] if counts["failed"] else []
    if counts["no-key"]:
        parts.append(f"{counts['no-key']} without a key" if keys.meters or keys.providers else "no key")
    return f"{said}; {counted(total, 'ciphered APDU')}, {', '.join(parts)}"


def shown_path(path: str) -> str:
    """A path with the home folder as ~."""
    home = str(Path.home())
    return "~" + path[len(home) :] if path.startswith(home + os.sep) else path
