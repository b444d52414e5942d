"""What is authenticated wrongly, and octets that change after they were protected."""

from __future__ import annotations

from tests.lab.conversation import Talk
from tests.lab.faults import fault
from tests.lab.faults.security import GLOBALLY, SEALED, errs
from tests.lab.octets import string
from tests.lab.stations import Quirk

UNCHECKED = ("wrapper", "udp", "none")  # carriers where a changed octet shows in no checksum of the link


@fault("aad-without-key", **SEALED)
def data_without_the_key(talk: Talk) -> None:
    errs(talk, Quirk(data=lambda control, ak, header, text: bytes([control]) + header))


@fault("aad-without-key", **SEALED)
def data_without_the_control_byte(talk: Talk) -> None:
    errs(talk, Quirk(data=lambda control, ak, header, text: ak + header))


@fault("aad-without-key", **SEALED)
def no_data_at_all(talk: Talk) -> None:
    errs(talk, Quirk(data=lambda control, ak, header, text: b""))


@fault("aad-security-control-wrong", **SEALED)
def data_with_another_control_byte(talk: Talk) -> None:
    errs(talk, Quirk(data=lambda control, ak, header, text: bytes([control ^ 0x20]) + ak + header))


@fault("aad-extra-data", **SEALED)
def data_with_the_ciphertext(talk: Talk) -> None:
    errs(talk, Quirk(data=lambda control, ak, header, text: bytes([control]) + ak + text))


@fault("aad-extra-data", **{**SEALED, "protection": "general", "key_info": "identified"})
def header_not_authenticated(talk: Talk) -> None:
    """general-ciphering as if it were general-glo."""
    errs(talk, Quirk(data=lambda control, ak, header, text: bytes([control]) + ak, initiate=False))


@fault("tag-length-wrong", **SEALED)
def tag_of_sixteen(talk: Talk) -> None:
    errs(talk, Quirk(tag_octets=16))


@fault("tag-length-wrong", **SEALED)
def tag_of_eight(talk: Talk) -> None:
    errs(talk, Quirk(tag_octets=8))


@fault("security-control-wrong", **SEALED)
def encrypted_alone_and_called_both(talk: Talk) -> None:
    """No tag, and the control byte says that there is one."""
    side = errs(talk, Quirk(said=lambda control: control | 0x30))
    side.control = 0x20 | side.suite
    side.after = 0


@fault("security-control-wrong", **GLOBALLY)
def authenticated_as_well_and_not_said(talk: Talk) -> None:
    """A tag that the control byte does not announce."""
    errs(talk, Quirk(said=lambda control: control & ~0x10))


@fault("protected-range-wrong", **{**SEALED, "framing": ("hdlc", "mode-e")})
def llc_inside(talk: Talk) -> None:
    """The LLC header is protected with the APDU."""
    errs(talk, Quirk(range=lambda apdu: b"\xe6\xe6\x00" + apdu))


@fault("protected-range-wrong", **SEALED)
def tag_and_length_of_the_apdu(talk: Talk) -> None:
    """The APDU behind its length, or without its first octet."""
    cut = talk.chance.random() < 0.5
    errs(talk, Quirk(range=lambda apdu: apdu[1:] if cut else string(apdu)))


@fault(
    "tag-unexplained",
    **{**SEALED, "framing": UNCHECKED},
    instead={"ciphertext-damaged": "octets changed; where it shows in the text the place is known"},
)
def octet_of_the_tag_changed(talk: Talk) -> None:
    """One octet of the tag is another; the APDUs before it verify."""
    at, by = talk.chance.randrange(12), talk.chance.randrange(1, 256)

    def damage(text: bytes, tag: bytes) -> tuple[bytes, bytes]:
        return text, tag[:at] + bytes([tag[at] ^ by]) + tag[at + 1 :]

    side = errs(talk, Quirk(damage=damage))
    side.after = max(2, side.after)


@fault(
    "ciphertext-damaged",
    **{**SEALED, "framing": UNCHECKED},
    instead={
        "tag-unexplained": "a changed octet of a value leaves the text readable, so that nothing shows where it is"
    },
)
def octet_of_the_ciphertext_changed(talk: Talk) -> None:
    where, by = talk.chance.random(), talk.chance.randrange(1, 256)

    def damage(text: bytes, tag: bytes) -> tuple[bytes, bytes]:
        at = int(where * len(text))
        return text[:at] + bytes([text[at] ^ by]) + text[at + 1 :], tag

    side = errs(talk, Quirk(damage=damage))
    side.after = max(2, side.after)
