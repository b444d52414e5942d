"""What if the keys, the title, the counter or the authenticated data were others? Every protected APDU under one supposition.

`diagnosis.search` looks for an explanation by itself; here somebody says one, and learns at once which APDUs verify
under it and what their text would be. Nothing of this touches the trace: `applied` makes the keys that do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from analyzer.decryptor import AUTHENTICATED, COUNTER_MAX, ENCRYPTED, TAG_LENGTHS, TAG_OCTETS, Decryptor, Protected
from analyzer.diagnosis.search import Search, sealed_of
from analyzer.diagnosis.searcher import Explained, Sealed
from analyzer.frame import reads_whole
from analyzer.keyring import KeyProvider, KeyRing
from analyzer.message import Message
from analyzer.meter_keys import KeyRole, MeterKeys, Secret
from analyzer.model import Direction, Verdict
from grammars.apdu import APDU
from grammars.tables.apdu import APDU_TAGS

# Parts of the authenticated data by name. What the standard takes (Green Book 9.2.3.3.7.4) is STANDARD, with the plain
# APDU behind it where nothing is encrypted.
PARTS = ("SC", "AK", "EK", "H", "APDU", "TEXT", "TITLE", "IC")
STANDARD = "SC AK H"
FORMS = (
    STANDARD, "SC H", "AK H", "", "AK SC H", "SC AK", "SC EK H", "SC AK TITLE H", "SC AK IC H", "SC AK TITLE IC H",
    "TITLE SC AK H", "SC AK H APDU", "SC AK H TEXT",
)  # fmt: skip
CONTROL_BITS = AUTHENTICATED | ENCRYPTED
BROADCAST = 0x40


class HypothesisError(ValueError):
    """A supposition that cannot be; one line that never holds a key."""


@dataclass(frozen=True, slots=True)
class Supposition:
    """What is supposed; None leaves a part as keys and trace have it.

    Keys have 16 or 32 octets, titles any number. `counter_offset` is added to each counter, `counter_reversed` takes its
    octets in the other order. `data` is the additional authenticated data as parts in order (`PARTS`, or octets in
    hexadecimal), None for the standard's. `control` replaces each security control octet, in the data as well.
    `tag_octets` is 8, 12 or 16."""

    encryption_key: bytes | None = field(default=None, repr=False)
    authentication_key: bytes | None = field(default=None, repr=False)
    client_title: bytes | None = None
    meter_title: bytes | None = None
    counter_offset: int = 0
    counter_reversed: bool = False
    data: str | None = None
    control: int | None = None
    tag_octets: int = TAG_OCTETS


@dataclass(frozen=True, slots=True)
class Trial:
    """One protected APDU under a supposition: the message it is in, its name, the counter of the nonce, the verdict, and
    the text, which nothing vouches for unless the verdict is "verified". `plain` is the name of the APDU that the text is,
    whole; None where it is none."""

    message: int
    direction: Direction
    apdu: str
    counter: int
    verdict: Verdict
    reason: str
    plaintext: bytes | None = field(default=None, repr=False)
    plain: str | None = None

    @property
    def readable(self) -> bool:
        """Whether the text is, whole, an APDU."""
        return self.plain is not None


def tried(messages: Sequence[Message], keys: KeyProvider, supposed: Supposition) -> Iterator[Trial]:
    """Each protected APDU of a trace under a supposition, in the order of the trace. Raises HypothesisError at once
    for a supposition that cannot be."""
    checked(supposed)
    decryptor = Decryptor()
    return (_trial(decryptor, item, keys, supposed) for item in sealed_of(messages))


def checked(supposed: Supposition) -> None:
    """Raises HypothesisError where a part has a length or a name that cannot be."""
    for name, key in (("EK", supposed.encryption_key), ("AK", supposed.authentication_key)):
        if key is not None and len(key) not in (16, 32):
            raise HypothesisError(f"{name}: expected 16 octets, or 32 in suite 2, found {len(key)}")
    for name, title in (("client title", supposed.client_title), ("meter title", supposed.meter_title)):
        if title is not None and not 1 <= len(title) <= 64:
            raise HypothesisError(f"{name}: expected 8 octets, found {len(title)}")
    if supposed.control is not None and not 0 <= supposed.control <= 0xFF:
        raise HypothesisError("control: expected one octet")
    if supposed.tag_octets not in TAG_LENGTHS:
        raise HypothesisError(f"tag: expected one of {', '.join(map(str, TAG_LENGTHS))} octets")
    for part in (supposed.data or "").split():
        _literal(part)


def _literal(part: str) -> bytes | None:
    """The octets of a part that is no name, None for one that is."""
    if part.upper() in PARTS:
        return None
    try:
        return bytes.fromhex(part)
    except ValueError:
        names = ", ".join(PARTS)
        raise HypothesisError(f"authenticated data: {part} is none of {names}, nor octets in hexadecimal") from None


def _trial(decryptor: Decryptor, item: Sealed, keys: KeyProvider, supposed: Supposition) -> Trial:
    content = _content(item, supposed)
    role, encryption, authentication = _keys(item, keys, supposed, content.control)
    given = _made(item, content, "no-key", "", None)
    if supposed.data is None or not content.control & AUTHENTICATED:
        opened = decryptor.unprotect(content, encryption, authentication)
        return _made(item, content, opened.verdict, opened.reason, opened.plaintext)
    if encryption is None:
        return replace(given, reason=f"no {'broadcast' if role == 'bek' else 'encryption'} key was given")
    if len(encryption) not in (16, 32):
        return replace(given, reason=f"the encryption key has {len(encryption)} octets, expected 16 or 32")
    if content.system_title is None:
        return replace(given, reason="the originator's system title is not known, and the nonce begins with it")
    iv = content.system_title + content.invocation_counter.to_bytes(4, "big")
    payload = content.payload if content.control & ENCRYPTED else b""
    plain = decryptor.gcm_decrypt(encryption, iv, payload) if payload else content.payload
    if len(content.tag) not in TAG_LENGTHS:
        return _made(item, content, "failed", f"the tag has {len(content.tag)} octets", plain)
    if authentication is None and "AK" in supposed.data.upper().split():
        words = "no authentication key was given, so the tag was not checked"
        return _made(item, content, "unauthenticated", words, plain)
    data = data_of(supposed.data, content, encryption, authentication or b"", plain)
    matches = decryptor.gcm_open(encryption, iv, payload, content.tag, data)[1]
    words = "the tag matches" if matches else "the tag does not match with this authenticated data"
    return _made(item, content, "verified" if matches else "failed", words, plain)


def data_of(form: str, content: Protected, encryption: bytes, authentication: bytes, plain: bytes) -> bytes:
    """The octets of a form of the authenticated data; `plain` is the APDU inside. As the standard has it, the plain APDU
    follows `STANDARD` where nothing is encrypted. Raises HypothesisError for a part that is unknown."""
    values = {
        "SC": bytes((content.control,)),
        "AK": authentication,
        "EK": encryption,
        "H": content.header,
        "APDU": plain,
        "TEXT": content.payload,
        "TITLE": content.system_title or b"",
        "IC": content.invocation_counter.to_bytes(4, "big"),
    }
    parts = form.upper().split()
    made = b""
    for part in parts:
        literal = _literal(part)
        made += values[part] if literal is None else literal
    if parts == STANDARD.split() and not content.control & ENCRYPTED:
        made += plain
    return made


def _content(item: Sealed, supposed: Supposition) -> Protected:
    """The protected content as it would be under a supposition."""
    content = item.content
    control = content.control if supposed.control is None else supposed.control
    title = supposed.client_title if item.message.direction == "client" else supposed.meter_title
    counter = (content.invocation_counter + supposed.counter_offset) & COUNTER_MAX
    if supposed.counter_reversed:
        counter = int.from_bytes(counter.to_bytes(4, "big")[::-1], "big")
    octets = item.octets
    size = supposed.tag_octets if control & AUTHENTICATED else 0
    changed = supposed.tag_octets != TAG_OCTETS or (control ^ content.control) & CONTROL_BITS
    cut = max(len(octets) - size, 0) if changed else len(content.payload)
    return Protected(control, counter, title or content.system_title, octets[:cut], octets[cut:], content.header)


def _keys(
    item: Sealed, keys: KeyProvider, supposed: Supposition, control: int
) -> tuple[KeyRole, bytes | None, bytes | None]:
    """The role of the key, the key that encrypts, and the one that authenticates."""
    security, association = item.security, item.message.after
    owner = security.system_title if item.message.direction != "client" else association.server_title
    suite = control & 0x0F
    authentication = supposed.authentication_key or keys.key("ak", owner, suite)
    if security.key == "dedicated" or item.layer.name.startswith("ded-"):
        return "dedicated", association.dedicated_key or keys.key("dedicated", owner, suite), authentication
    role: KeyRole = "bek" if control & BROADCAST else "ek"
    return role, supposed.encryption_key or keys.key(role, owner, suite), authentication


def _made(item: Sealed, content: Protected, verdict: Verdict, reason: str, plaintext: bytes | None) -> Trial:
    plain = None
    if plaintext and plaintext[0] in APDU_TAGS and reads_whole(APDU, plaintext):
        plain = APDU_TAGS[plaintext[0]]
    return Trial(
        item.message.number, item.message.direction, item.layer.name, content.invocation_counter, verdict, reason,
        plaintext, plain,
    )  # fmt: skip


def given_keys(keys: KeyProvider, traces: Iterable[Sequence[Message]]) -> Supposition:
    """EK and AK of the traces, where the given keys have the same for all of them."""
    found: dict[KeyRole, set[bytes | None]] = {"ek": set(), "ak": set()}
    for messages in traces:
        if not any(True for _ in sealed_of(messages)):
            continue
        title = next((m.after.server_title for m in reversed(messages) if m.after.server_title), None)
        for role, values in found.items():
            values.add(keys.key(role, title, 0))
    one = {role: next(iter(values)) if len(values) == 1 else None for role, values in found.items()}
    return Supposition(one["ek"], one["ak"])


def supposition_of(explained: Explained) -> Supposition | None:
    """What the search found for an APDU, as a supposition to try on all others; None where it found nothing, or
    something that no supposition says."""
    found, content = explained.hypothesis, explained.item.content
    if found is None:
        return None
    counter = int.from_bytes(found.counter.value, "big")
    if len(found.counter.value) != 4 or found.tag is not None:
        return None
    backwards = found.counter.code == "invocation-counter-endianness"
    title = found.title.value if found.title.code else None
    client = explained.item.message.direction == "client"
    control = found.control.value[0] if found.control is not None else None
    made = Supposition(
        found.encryption.value,
        found.authentication.value if found.authentication is not None else None,
        client_title=title if client else None,
        meter_title=None if client else title,
        counter_offset=0 if backwards else counter - content.invocation_counter,
        counter_reversed=backwards,
        control=control,
        tag_octets=found.tag_octets,
    )
    if found.data is None or not found.data.code:
        return made
    supposed = _content(explained.item, made)
    plain = explained.plaintext or b""
    for form in FORMS:
        octets = data_of(form, supposed, found.encryption.value, made.authentication_key or b"", plain)
        if octets == found.data.value:
            return replace(made, data=form)
    return None


def best_of(search: Search) -> Supposition | None:
    """The supposition that explains most of what did not verify."""
    counts: dict[tuple[tuple[str, str], ...], list[Explained]] = {}
    for one in search.explained:
        if one.hypothesis is not None and one.verified:
            counts.setdefault(one.hypothesis.shape, []).append(one)
    for group in sorted(counts.values(), key=len, reverse=True):
        made = supposition_of(group[0])
        if made is not None:
            return made
    return None


def applied(keys: KeyRing, supposed: Supposition, meter_title: bytes | None) -> KeyRing:
    """The keys with those of a supposition in the entry of a meter: that of its title, else one without a title, else a
    new one. Counter, data, control and tag are no keys and change nothing."""
    meters = list(keys.meters)
    place = next((n for n, m in enumerate(meters) if m.system_title == meter_title and meter_title), None)
    if place is None:
        place = next((n for n, m in enumerate(meters) if m.system_title is None), None)
    entry = meters[place] if place is not None else MeterKeys()
    if supposed.encryption_key is not None:
        entry = replace(entry, global_unicast_encryption_key=_secret(supposed.encryption_key))
    if supposed.authentication_key is not None:
        entry = replace(entry, authentication_key=_secret(supposed.authentication_key))
    if supposed.client_title is not None:
        entry = replace(entry, client_system_title=supposed.client_title)
    if place is None:
        meters.append(entry)
    else:
        meters[place] = entry
    return KeyRing(meters, keys.providers)


def _secret(key: bytes) -> Secret:
    return Secret(key, key.hex().upper())
