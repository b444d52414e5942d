"""Where a field ends: lengths in front, what is left, what must stay free, what follows; and what may be missing."""

import io
from collections.abc import Callable
from typing import Any

from grammars.kit.fields import ABSENT, Reader, Short, Unreadable, Word, read_content, state_of
from grammars.kit.primitives import INDEFINITE, INDEFINITE_TEXT, AxdrLength, BerLength, beyond, end_of_contents
from grammars.kit.spec import Failure, Issue, Spec, State, note_length, note_short, note_undecoded


class Remaining(Word):
    """All octets up to the end of the region, less `tail` octets that what follows needs (a tag, a checksum)."""

    def __init__(self, tail: Any = 0) -> None:
        super().__init__()
        self.tail = tail

    def _parse(self, reader: Reader, context: Any, path: str) -> bytes:
        tail = self.tail(context) if callable(self.tail) else self.tail
        size = reader.limit - reader.pos - tail
        if size < 0:
            raise Short(tail, reader.limit - reader.pos)
        return reader.read(size)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(obj)
        return obj


Rest = Remaining()


def contained(read: Callable[[], Any], reader: Reader, context: Any, end: int) -> Any:
    """What `read` reads up to `end`, then goes there: a failure inside stays inside, leftovers are kept as a node."""
    outer, reader.limit = reader.limit, end
    try:
        value = read()
        left = reader.pos
    except Failure as failure:
        state_of(context).fail(failure, end)
        value, left = failure.partial, failure.offset
    finally:
        reader.limit = outer
    if left < end:
        node = note_undecoded(state_of(context), left, end, reader.buffer)
        if isinstance(value, list):
            value.append(node)
    reader.pos = end
    return value


class Region(Word):
    """A word that finds the end of its content and reads the content up to there."""

    def content(self, reader: Reader, context: Any, spec: Spec, end: int) -> Any:
        """The content of the region from the position of `reader` to `end`."""
        start = reader.pos
        return contained(lambda: read_content(self.inner, spec, reader, context, start), reader, context, end)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return self.inner._build(obj, stream, context, path)


class Lengthed(Region):
    """A length, then a region of that many octets. A length that runs over the end is a failure of the field, or,
    where `lenient`, an issue: the region then ends where its surroundings end. With `tagged`, the content is made of
    tagged fields, and a length that cuts one of them is not believed where the fields end with the surroundings."""

    def __init__(self, inner: Any, length: Any = None, lenient: str = "", tagged: bool = False) -> None:
        super().__init__()
        self.inner, self.lenient, self.tagged = inner, lenient, tagged
        self.length = length or (BerLength() if tagged else AxdrLength())

    def mended(self, state: State, spec: Spec, buffer: bytes, start: int, end: int, limit: int) -> int:
        """The end of a region of tagged fields; an issue where the length says another, or none."""
        if end >= limit:
            return end
        if end == start and buffer[start - 1] == INDEFINITE:
            end = end_of_contents(buffer, start, limit)
            state.issues.append(Issue("info", start - 1, end, INDEFINITE_TEXT, spec))
            return end
        if _fields_end(buffer, start, end) or not _fields_end(buffer, start, limit):
            return end
        text = f"the length says {end - start} octets, its fields take {limit - start}"
        state.issues.append(Issue(self.lenient or "error", start, limit, text, spec))
        return limit

    def describe(self, spec: Spec) -> None:
        spec.leads += (("length", 0),)

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        spec = context["_spec"]
        declared, start = self.length.read(reader.buffer, reader.pos, reader.limit)
        if (
            reader.buffer[reader.pos] >= INDEFINITE
            and isinstance(self.length, AxdrLength)
            and not (self.tagged or self.lenient)
        ):
            note_length(state_of(context), spec, reader.buffer, reader.pos, declared)
        end = start + declared
        if end > reader.limit:
            if not self.lenient:
                raise Short(declared, reader.limit - start)
            note_short(state_of(context), spec, start, declared, reader.limit - start, self.lenient)
            end = reader.limit
        elif self.tagged:
            end = self.mended(state_of(context), spec, reader.buffer, start, end, reader.limit)
        at, reader.pos = start - 1, start
        value = self.content(reader, context, spec, end)
        if self.tagged and not declared:
            reader.pos = beyond(reader.buffer, at, reader.pos, reader.limit)
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        body = io.BytesIO()
        self.inner._build(obj, body, context, path)
        stream.write(self.length.write(len(body.getvalue())) + body.getvalue())
        return obj


def _fields_end(buffer: bytes, pos: int, end: int) -> bool:
    """Whether fields of tag, length and content end exactly at `end`."""
    while pos < end:
        try:
            size, pos = AxdrLength.read(buffer, pos + 1, end)
        except Unreadable:
            return False
        pos += size
    return pos == end


class UpTo(Region):
    """A region that ends `tail` octets before the end of the one around it."""

    def __init__(self, inner: Any, tail: Any) -> None:
        super().__init__()
        self.inner, self.tail = inner, tail

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        tail = self.tail(context) if callable(self.tail) else self.tail
        end = reader.limit - tail
        if end < reader.pos:
            raise Short(tail, reader.limit - reader.pos)
        return self.content(reader, context, context["_spec"], end)


class Before(Region):
    """A region that ends before the first of some terminators, or, without any, at the end of the one around it."""

    def __init__(self, *terminators: bytes, inner: Any = Rest) -> None:
        super().__init__()
        self.terminators, self.inner = terminators, inner

    def find(self, buffer: bytes, pos: int, end: int) -> int:
        """Where the first terminator begins, else `end`."""
        for terminator in self.terminators:
            at = buffer.find(terminator, pos, end)
            end = at if at >= 0 else end
        return end

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        return self.content(reader, context, context["_spec"], self.find(reader.buffer, reader.pos, reader.limit))


class Present(Word):
    """A-XDR OPTIONAL and DEFAULT: octet 00, absent, stands for `default`; 01, the value follows."""

    def __init__(self, inner: Any, default: Any = None) -> None:
        super().__init__()
        self.inner, self.default = inner, default

    def describe(self, spec: Spec) -> None:
        spec.leads += (("presence", 1),)

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        if reader.pos >= reader.limit:
            raise Short(1, 0)
        flag = reader.buffer[reader.pos]
        reader.pos += 1
        if flag == 0:
            return self.default
        if flag != 1:
            text = f"presence is 00 or 01, found {flag:02X}"
            state_of(context).issues.append(Issue("warning", reader.pos - 1, reader.pos, text, context["_spec"]))
        return self.inner._parsereport(reader, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        absent = obj is None or obj is ABSENT or (not isinstance(obj, list) and obj == self.default)
        stream.write(b"\0" if absent else b"\1")
        return obj if absent else self.inner._build(obj, stream, context, path)


class When(Word):
    """A field that is there only when a condition on earlier fields holds."""

    def __init__(self, condition: Any, inner: Any) -> None:
        super().__init__()
        self.condition, self.inner = condition, inner

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        return self.inner._parsereport(reader, context, path) if self.condition(context) else ABSENT

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return obj if obj is ABSENT else self.inner._build(obj, stream, context, path)


class IfRoom(Word):
    """A field that is there only when the region still has more than `tail` octets."""

    def __init__(self, inner: Any, tail: int = 0) -> None:
        super().__init__()
        self.inner, self.tail = inner, tail

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        return self.inner._parsereport(reader, context, path) if reader.limit - reader.pos > self.tail else ABSENT

    _build = When._build


class IfNext(Word):
    """A field that is there only when its marker comes next; the marker belongs to it."""

    def __init__(self, marker: bytes, inner: Any) -> None:
        super().__init__()
        self.marker, self.inner = marker, inner

    def describe(self, spec: Spec) -> None:
        spec.leads += (("marker", len(self.marker)),)

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        if not reader.buffer.startswith(self.marker, reader.pos, reader.limit):
            return ABSENT
        reader.pos += len(self.marker)
        return self.inner._parsereport(reader, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if obj is ABSENT:
            return obj
        stream.write(self.marker)
        return self.inner._build(obj, stream, context, path)
