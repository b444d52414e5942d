"""The verdict on keys, titles, counters and authenticated data, by arithmetic alone: see `analyzer.diagnosis.search`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.decryptor import TITLE_OCTETS
from analyzer.diagnosis.case import Case
from analyzer.diagnosis.counted import Counted, Listed, Many
from analyzer.diagnosis.registry import Hit, rule
from analyzer.diagnosis.rules.agreement import agreements
from analyzer.diagnosis.search import KEY_CODES, TRIED, is_broadcast, sender_of
from analyzer.diagnosis.searcher import Explained
from analyzer.diagnosis.variants import NAMES, PUBLISHED, Variant
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.meter_keys import KeyRole
from analyzer.model import Side
from analyzer.rebuild import AnyChange, Reseal
from grammars.kit.spec import find_raw

ANY_KEY = KEY_CODES | {"keys-swapped", "keys-equal", "well-known-key"}
CODES = (
    "encryption-key-wrong", "authentication-key-wrong", "keys-swapped", "keys-equal", "key-ascii-hex", "key-reversed",
    "key-length", "well-known-key", "system-title-wrong", "system-title-of-other-side", "system-title-malformed",
    "invocation-counter-endianness", "invocation-counter-mismatch", "aad-security-control-wrong", "aad-without-key",
    "aad-extra-data", "tag-length-wrong", "dedicated-key-mixed-up", "broadcast-key", "tag-unexplained",
    "nonce-layout-wrong", "security-control-wrong", "ciphertext-damaged",
)  # fmt: skip

ROLES: dict[str, KeyRole] = {"encryption-key-wrong": "ek", "authentication-key-wrong": "ak"}
NOT_AS_GIVEN = "do not verify as given, and verify otherwise"
NOT_CHECKED = "were not checked for want of a right key, and verify with what the search found"
NOISE = 1e-3  # a text that random octets are as easily as that proves nothing
Group = list[Explained]


@rule(*CODES)
def what_does_not_verify(case: Case) -> Iterator[Hit]:
    """Everything that does not verify under the given keys, grouped by what explains it."""
    proven: dict[tuple[object, ...], Group] = {}
    readable: dict[tuple[object, ...], Group] = {}
    noise: dict[tuple[str, bool], Group] = {}
    unread: Group = []
    for one in case.search.explained:
        direction: str = one.item.message.direction
        if one.hypothesis is None:
            unread.append(one)
            continue
        keys_only = all(change.code in KEY_CODES for change in one.hypothesis.changes)
        where = "" if keys_only and not case.search.verifying else direction
        if _cut_tag(one):
            continue  # as many octets as a shorter tag has, or none, are there by chance
        groups = proven if one.verified else readable
        groups.setdefault((where, one.hypothesis.shape), []).append(one)
    for shape, group in list(readable.items()):
        # One text that is all there is may be short; beside others that are noise it proves nothing.
        if (group[0].hypothesis.changes or unread) and _chance_of(case, group) > NOISE:  # type: ignore[union-attr]
            unread += readable.pop(shape)
    for one in sorted(unread, key=lambda one: one.item.message.number):
        # Octets that are missing or damaged are no noise of a wrong key: the frame says so. Without its title nobody can
        # tell the nonce, and `calling-ap-title-wrong` says that.
        damaged = any(frame.faults or frame.parsed.issues for frame in one.item.message.frames) or _is_cut([one])
        if not damaged and not _without_title(one) and not _not_checked(one) and not _shown(one):
            side = one.item.message.direction if case.search.verifying else ""
            noise.setdefault((side, is_broadcast(one.item)), []).append(one)
    for group in _swaps_joined(list(proven.values())):
        if own := _own(case, group):
            yield from _proven(case, own)
    for group in readable.values():
        if own := _own(case, group):
            yield from _readable(case, own, _chance(case, group))
    explained = {is_broadcast(one.item) for groups in (proven, readable) for group in groups.values() for one in group}
    for (direction, broadcast), group in noise.items():
        if own := _own(case, group):
            yield from _noise(case, direction, own, broadcast in explained)


def _own(case: Case, group: Group) -> Group:
    """Those of a group that other parts of a trace do not tell of."""
    return [one for one in group if case.owns(one.item.message)]


def _once(code: str, group: Group, *more: str) -> str:
    """What tells apart what is said of groups: by what explains them, and by their side."""
    hypothesis, directions = group[0].hypothesis, sorted({one.item.message.direction for one in group})
    return f"{code} {hypothesis.shape if hypothesis is not None else ''} {directions} {more}"


def _cut_tag(one: Explained) -> bool:
    """Whether a tag seems short, or not to be there, in an APDU that says itself that octets are missing."""
    assert one.hypothesis is not None
    cut = any(issue.code == "apdu-cut" for frame in one.item.message.frames for issue in frame.issues)
    return cut and any(
        change.code in ("tag-length-wrong", "security-control-wrong") for change in one.hypothesis.changes
    )


def _shown(one: Explained) -> bool:
    """Whether a text without a tag is shown as far as it reads: `ciphertext-damaged` or `data-truncated` says the rest."""
    return bool(one.item.layer.inner) and one.item.security.encrypted and not one.item.security.authenticated


def _not_checked(one: Explained) -> bool:
    """Whether the tag of an APDU that is not encrypted could not be checked for want of a key."""
    security = one.item.security
    return security.verdict == "unauthenticated" and security.authenticated and not security.encrypted


def _untold(group: Group) -> bool:
    """Whether the trace does not tell the title of the sender, so that none is wrong where one is found."""
    return all(one.item.security.system_title is None for one in group)


def _without_title(one: Explained) -> bool:
    """Whether an APDU stands in an AARQ that does not carry the title it was sealed under, or one of no use in a nonce."""
    message = one.item.message
    layer, title = message.layer, message.after.client_title
    if message.direction == "client" and title is not None and len(title) != TITLE_OCTETS:
        return True
    return layer is not None and layer.name == "aarq" and find_raw(layer.nodes, "calling_ap_title") is None


def _proven(case: Case, group: Group) -> Iterator[Hit]:
    """Changes under which the tags of a group verify."""
    first = group[0]
    assert first.hypothesis is not None
    changes = first.hypothesis.changes
    if not changes:
        return
    given = {role: _given(case.given_keys, first, role) for role in ("ek", "ak")}
    if _swapped(changes) and given["ek"] != given["ak"]:
        changes = (Variant(b"", "keys-swapped", "both work in each other's place", "ek"),)
    for change in changes:
        code, words = change.code, change.words
        role = ROLES.get(code)
        if role is not None and given[role] is None:
            known = next((name for name, value in PUBLISHED.items() if value == change.value), None)
            if known is not None:
                code, words = "well-known-key", f"{NAMES[role]} that works is a published test key: {known}"
            elif change.role == "other-meter":
                continue  # there is a key, for another title: what is said of the title says it
            else:
                code = "keys-equal"
        checked = any(one.item.security.verdict == "failed" for one in group)
        evidence = [_how_many(group, NOT_AS_GIVEN if checked else NOT_CHECKED), words, *_told_apart(case, code, first)]
        cut = _is_cut(group)
        side = _side(case, code, group)
        untold = code == "system-title-wrong" and _untold(group)
        mended = _mended(group) if side != "analyst" and not cut else ()
        yield Hit(
            first.item.message,
            tuple(text for text in evidence if text),
            code=code,
            field="security_control" if code in ANY_KEY else _field(code),
            side=side,
            changes=mended[0][1] if mended else (),
            elsewhere=mended[1:],
            severity="info" if untold else "warning" if cut and first.item.message.apdu in ("rlrq", "rlre") else None,
            because_of="ber-length-wrong" if cut else None,
            once=_once(f"{code} {change.role}", group),
        )


def _mended(group: Group) -> tuple[tuple[Message, tuple[AnyChange, ...]], ...]:
    """Each APDU of a group sealed again as it should have been, its content as the search read it."""
    return tuple(
        (one.item.message, (Reseal(one.item.layer, one.plaintext),)) for one in group if one.plaintext is not None
    )


def _is_cut(group: Group) -> bool:
    """Whether the APDUs stand in an ACSE field whose lengths are wrong, so that octets of them are lost or too many."""
    return all(
        one.item.message.layer is not None
        and one.item.message.layer.name in ("aarq", "aare", "rlrq", "rlre")
        and any("the length says" in issue.text for issue in one.item.message.layer.parsed.issues)
        for one in group
    )


SWAP = {("encryption-key-wrong", "ak"), ("authentication-key-wrong", "ek")}


def _swaps_joined(groups: list[Group]) -> list[Group]:
    """The groups; where both keys are swapped, APDUs that need only one of them are of that group."""
    changes = [{(c.code, c.role) for c in group[0].hypothesis.changes} for group in groups if group[0].hypothesis]
    whole = next((n for n, own in enumerate(changes) if own == SWAP), None)
    if whole is None:
        return groups
    joined = [one for n, group in enumerate(groups) if n != whole and changes[n] and changes[n] < SWAP for one in group]
    rest = [group for n, group in enumerate(groups) if n != whole and not (changes[n] and changes[n] < SWAP)]
    return [groups[whole] + joined, *rest]


def _swapped(changes: Sequence[Variant]) -> bool:
    return [(c.code, c.role) for c in changes] == [
        ("encryption-key-wrong", "ak"),
        ("authentication-key-wrong", "ek"),
    ]


def _told_apart(case: Case, code: str, first: Explained) -> Iterator[str]:
    """What the arithmetic says about the parts that are right."""
    assert first.hypothesis is not None
    changed = {change.code for change in first.hypothesis.changes}
    if code == "authentication-key-wrong" and "encryption-key-wrong" not in changed:
        yield "the given encryption key, title and counter decrypt it to a whole APDU: they are right, only AK is not"
    if code == "encryption-key-wrong" and "authentication-key-wrong" not in changed and changed & KEY_CODES:
        yield "the given authentication key is right: the tag verifies with it"
    if code not in ANY_KEY:
        yield "the tag verifies with the given keys, so the keys are right"


def _readable(case: Case, group: Group, chance: str) -> Iterator[Hit]:
    """Text that is whole under some key stream, with a tag that nothing explains."""
    first = group[0]
    assert first.hypothesis is not None
    message, changes = first.item.message, first.hypothesis.changes
    if changes:
        for change in changes:
            said = (
                "the decrypted text is then a whole APDU, of the kind that its tag promises; the tag is not explained"
            )
            yield Hit(
                message,
                (_how_many(group, "are readable"), change.words, said, chance),
                certainty="likely",
                severity="info" if change.code == "system-title-wrong" and _untold(group) else None,
                code=change.code if _given(case.given_keys, first, "ek") else "well-known-key",
                side=_side(case, change.code, group),
                once=_once(f"readable {change.code}", group),
            )
        return
    if _given(case.given_keys, first, "ak") is None or not first.item.security.authenticated:
        return  # a tag that nobody could check is no fault: the statements say what is needed
    if case.search.verifying.get(message.direction):
        yield _unexplained(case, group, "the text decrypts to a whole APDU, and its tag does not verify")
        return
    yield Hit(
        message,
        (
            _how_many(group, "decrypt to whole APDUs of the kind their tags promise, and fail only in the tag"),
            "so encryption key, title and counter are right",
            Counted(_none_of, Many(case.search.tried), "verifies"),
        ),
        certainty="likely",
        code="authentication-key-wrong",
        field="authentication_tag",
        side=_side(case, "authentication-key-wrong", group),
        once=_once("readable authentication-key-wrong", group),
    )


def _chance_of(case: Case, group: Group) -> float:
    """How likely all of a group are readable by chance."""
    assert group[0].hypothesis is not None
    first = group[0].hypothesis
    stream = any(part.code for part in (first.encryption, first.title, first.counter))
    return case.search.chance(len(group), stream, bool(first.changes))


def _chance(case: Case, group: Group) -> str:
    """The same in words."""
    chance = _chance_of(case, group)
    times = f"one in {1 / max(chance, 1e-12):,.0f}" if chance < 1 else "high"
    return f"the chance that random octets look so under one of the attempts is {times}{'' if chance > 1e-12 else ' at most'}"


def _noise(case: Case, direction: str, group: Group, others_explained: bool) -> Iterator[Hit]:
    """What nothing opens. No key fault is claimed where a key is missing or right."""
    known = [one for one in group if one.item.security.verdict in ("failed", "unauthenticated")]
    if not known:
        return
    first = known[0]
    if case.search.verifying.get(direction):
        yield _unexplained(case, known, "under the same keys other APDUs of this side verify")
        return
    if {sender_of(one.item) for one in known} <= case.search.reading:
        yield _damaged(known)
        return
    if others_explained:
        few = len(known) < sum(one.hypothesis is not None for one in case.search.explained)
        yield _unexplained(case, known, "what explains the other APDUs of this trace does not explain these", few)
        return
    if not any(one.item.security.encrypted for one in known):
        said = (
            _how_many(known, "do not verify"),
            "they are not encrypted, so no text tells whether a key, a title or a counter is another",
            Counted(_none_of, Many(case.search.tried), "explains it"),
        )
        side, once = _side(case, "authentication-key-wrong", known), _once("tag-unexplained", known)
        yield Hit(first.item.message, said, certainty="possible", code="tag-unexplained", side=side, once=once)
        return
    evidence: list[str] = [
        _how_many(known, "decrypt to noise under the given encryption key"),
        Counted(_none_of, Many(case.search.tried), "gives a readable APDU"),
    ]
    if case.search.verifying:
        evidence.append("the other side's APDUs verify, so these were made with another key or another title")
    else:
        evidence.append("the keys are those of another meter or of another generation, or a title is not what it seems")
    yield Hit(
        first.item.message,
        tuple(evidence),
        certainty="likely",
        code="encryption-key-wrong",
        field="ciphered_text",
        side=_side(case, "encryption-key-wrong", known),
        about=_numbers(known),
        once=_once("noise", known),
    )


def _damaged(group: Group) -> Hit:
    """Texts that are noise among others of their side that read under the same keys."""
    first = group[0].item
    return Hit(
        first.message,
        (
            _how_many(group, "decrypt to noise under the given encryption key"),
            "other texts of this side read under it, more of them and further than noise ever does: it is right",
            "these were damaged at their beginning, or sealed with another title, counter or key",
        ),
        certainty="possible",
        code="ciphertext-damaged",
        field="ciphered_text",
        about=_numbers(group),
        once=_once("ciphertext-damaged", group),
    )


def _unexplained(case: Case, group: Group, why: str, few: bool = False) -> Hit:
    first = group[0]
    message = first.item.message
    damaged = any(issue.severity == "error" for frame in message.frames for issue in frame.parsed.issues)
    replaced = any(reply.number < message.number for _, reply, _ in agreements(case))
    return Hit(
        message,
        (
            _how_many(group, "do not verify"),
            why + ": the keys are right",
            Counted(_none_of, Many(case.search.tried), "explains it"),
        ),
        certainty="possible",
        code="tag-unexplained",
        severity="warning" if few else None,
        field="authentication_tag",
        side="client" if message.direction == "client" else "meter",
        because_of="fcs-wrong" if damaged else "keys-agreed-unseen" if replaced else None,
        about=_numbers(group),
        once=_once("tag-unexplained", group, why),
    )


def _numbers(group: Group) -> frozenset[int]:
    return frozenset(one.item.message.number for one in group)


def _how_many(group: Group, does: str) -> Counted:
    return Counted(_these_do, Listed.of((one.item.message.number for one in group), 8), does, key=does)


def _none_of(attempts: int, does: str) -> str:
    return f"{attempts} attempts, and none {does}: {TRIED}"


def _these_do(which: Listed, does: str) -> str:
    many = which.many
    shown = ", ".join(map(str, which.first[:8])) + (" ..." if many > 8 else "")
    word = "APDU" if many == 1 else "APDUs"
    if many == 1:
        does = (
            does.replace("were not", "was not")
            .replace("do not verify", "does not verify")
            .replace("and verify", "and verifies")
        )
        does = does.replace("decrypt ", "decrypts ").replace("are ", "is ").replace("whole APDUs", "a whole APDU")
        does = does.replace("their tags promise", "its tag promises").replace("and fail ", "and fails ")
    return f"{many} {word} (message {shown}) {does}" if many == 1 else f"{many} {word} (messages {shown}) {does}"


def _given(keys: KeyProvider, one: Explained, role: str) -> bytes | None:
    security, message = one.item.security, one.item.message
    owner = security.system_title if message.direction != "client" else message.after.server_title
    return keys.key(role, owner, security.suite)  # type: ignore[arg-type]


def _side(case: Case, code: str, group: Group) -> Side:
    """Whose fault: what the analyst gave where nothing verifies with it, else of the side that sent the APDUs."""
    directions = {one.item.message.direction for one in group}
    if code in ANY_KEY and not case.search.verifying:
        return "analyst"
    return "client" if directions == {"client"} else "meter"


def _field(code: str) -> str:
    if code == "security-control-wrong":
        return "security_control"
    if code.startswith("invocation"):
        return "invocation_counter"
    return "authentication_tag"
