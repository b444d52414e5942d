"""The keys that the analyst gave, as such: known to everybody, of another suite, for another meter, or not all of them."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.decryptor import BROADCAST, key_octets
from analyzer.diagnosis.case import Case, names, protections
from analyzer.diagnosis.counted import Counted, Listed
from analyzer.diagnosis.registry import Hit, rule
from analyzer.diagnosis.search import is_broadcast
from analyzer.diagnosis.variants import PUBLISHED
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.model import Security

SUITES = frozenset({0, 1, 2})


@rule("well-known-key", once=True)
def well_known_key(case: Case) -> Iterator[Hit]:
    """Keys that verify and that everybody knows."""
    known = {value: words for words, value in PUBLISHED.items()}
    said: dict[str, None] = {}
    first = None
    for message, security, owner in case.once(_verified_under):
        if len(said) < 2:
            for role, name in (("ek", "encryption key"), ("ak", "authentication key")):
                value = case.given_keys.key(role, owner, security.suite)  # type: ignore[arg-type]
                if value in known:
                    said[f"the {name} is a published test key: {known[value]}"] = None
                    first = first or message
    if said:
        yield Hit(first, (*said, "APDUs verify with it"), side="meter")


@rule("keys-equal", once=True)
def keys_equal(case: Case) -> Iterator[Hit]:
    """One key given for both purposes, and right: a remark, unless everybody knows it, which is said then."""
    for message, security, owner in case.once(_verified_under):
        ek, ak = (case.given_keys.key(role, owner, security.suite) for role in ("ek", "ak"))
        if ek is None or ek != ak or ek in PUBLISHED.values():
            continue
        said = "encryption key and authentication key are one key, and APDUs verify with it"
        yield Hit(message, (said,), severity="info", side="meter", title="One key serves both purposes")
        return


def _verified_under(case: Case) -> list[tuple[Message, Security, bytes | None]]:
    """The first APDU that verifies under the keys of each meter and suite, with the title that these keys belong to."""
    found: dict[tuple[bytes | None, int], tuple[Message, Security, bytes | None]] = {}
    for message in case.given:
        for _, security in protections(message):
            if security.verdict == "verified":
                owner = security.system_title if message.direction != "client" else message.after.server_title
                found.setdefault((owner, security.suite), (message, security, owner))
    return list(found.values())


@rule("security-suite-mismatch", once=True)
def key_of_another_suite(case: Case) -> Iterator[Hit]:
    """A key as long as those of another suite, and APDUs of one suite that nothing opens."""
    rows = [
        (message, security)
        for message in case.given
        for _, security in protections(message)
        if not security.control & BROADCAST
    ]
    suites = {security.suite for _, security in rows}
    if len(suites) != 1 or not suites <= SUITES or any(security.verdict != "no-key" for _, security in rows):
        return
    if any(one.verified and not is_broadcast(one.item) for one in case.search.explained):
        return
    message, security = rows[0]
    owner = security.system_title if message.direction != "client" else message.after.server_title
    given, size = case.given_keys.key("ek", owner, security.suite), key_octets(security.suite)
    if given is not None and len(given) != size and len(given) in {key_octets(suite) for suite in SUITES}:
        text = f"the security control of {names(message)} is {security.control:02X}: suite {security.suite}"
        more = f"its keys have {size} octets, the given encryption key has {len(given)}"
        yield Hit(message, (text, more), field="security_control", side="analyst")


@rule("broadcast-key", once=True)
def broadcast_key(case: Case) -> Iterator[Hit]:
    """APDUs under the broadcast key, which was not given, among others that the given keys open: a remark."""
    if not case.search.verifying:
        return
    for message in case.given:
        for _, security in protections(message):
            owner = security.system_title if message.direction != "client" else message.after.server_title
            if security.verdict == "no-key" and security.control & BROADCAST and security.suite in SUITES:
                if case.given_keys.key("bek", owner, security.suite) is None:
                    said = f"the security control of {names(message)} is {security.control:02X}: the broadcast key (bit 40)"
                    evidence = (said, "none was given, and the given keys open the others")
                    yield Hit(message, evidence, field="security_control", side="analyst", severity="info")
                    return


@rule("system-title-unknown")
def system_title_unknown(case: Case) -> Iterator[Hit]:
    """APDUs of a meter that the key file has no entry for, though it has entries for others."""
    keys = case.given_keys
    if not isinstance(keys, KeyRing) or not keys.candidates("ek"):
        return
    missing: dict[bytes, list[str]] = {}
    message = None
    for one in case.given:
        for _, security in protections(one):
            title = security.system_title if one.direction != "client" else one.after.server_title
            if not case.owns(one) or security.verdict != "no-key" or title is None:
                continue
            if keys.key("ek", title, security.suite) is None:
                missing.setdefault(title, []).append(names(one))
                message = message or one
    for title, where in missing.items():
        known = ", ".join(known.hex().upper() for known in keys.titles())
        yield Hit(
            message,
            (
                Counted(_needed_in, title.hex().upper(), Listed.of(where, 4)),
                f"the given keys are for {known}",
            ),
            side="analyst",
            once=f"system-title-unknown {title.hex()}",
        )


def _needed_in(title: str, where: Listed) -> str:
    return f"the system title of the meter is {title}, its key is needed in {', '.join(where.first[:4])}"
