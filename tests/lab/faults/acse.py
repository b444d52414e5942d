"""What a client asks wrongly when it associates, and how the meter refuses."""

from __future__ import annotations

from tests.lab.association import aare, aarq, initiate_request, initiate_response
from tests.lab.conversation import Setting, Stop, Talk
from tests.lab.faults import Case, fault


class Refused(Talk):
    """The meter refuses the AARQ with a result and a diagnostic, and an initiate error where `error` is given."""

    result, diagnostic, error = 1, 1, b""

    def answer_association(self) -> None:
        it = self.setting
        title = it.meter.title if it.titled else b""
        inside = self.error or initiate_response(it.proposal)
        if not self.error:
            inside = self.sealed("meter", inside)
        self.send("meter", aare(it.proposal, title, b"", inside, self.result, self.diagnostic))
        raise Stop


def _refused(setting: Setting, diagnostic: int, error: str = "") -> Case:
    talk = Refused(setting)
    talk.result, talk.diagnostic, talk.error = 1 + setting.seed % 2, diagnostic, bytes.fromhex(error)
    return talk.play(), setting.ring()


def _plain(seed: int, mechanism: int = 1) -> Setting:
    return Setting(seed, ciphered=False, mechanism=mechanism, short_names=False)


@fault("application-context-rejected")
def context_that_the_meter_has_not(seed: int) -> Case:
    return _refused(Setting(seed), 2)


@fault("context-ciphering-mismatch", "application-context-rejected")
def ciphered_in_a_plain_context(seed: int) -> Case:
    setting = Setting(seed, ciphered=True, short_names=False)
    setting.proposal.context = 1
    return _refused(setting, 2)


@fault("context-ciphering-mismatch", "application-context-rejected")
def plain_in_a_ciphered_context(seed: int) -> Case:
    setting = _plain(seed)
    setting.proposal.context = 3
    setting.titled = True
    return _refused(setting, 1 + seed % 2)


@fault("mechanism-rejected")
def mechanism_that_the_meter_has_not(seed: int) -> Case:
    return _refused(Setting(seed), 11)


@fault("authentication-failed")
def wrong_password(seed: int) -> Case:
    setting = _plain(seed)
    setting.password = b"00000000"
    return _refused(setting, 13)


@fault("calling-ap-title-wrong")
def no_title(seed: int) -> Case:
    setting = Setting(seed, ciphered=True, mechanism=5)
    setting.proposal.calling_title = False
    return _refused(setting, 3)


@fault("acse-requirements-missing", "mechanism-rejected")
def value_without_requirements(seed: int) -> Case:
    setting = _plain(seed)
    setting.proposal.requirements = False
    return _refused(setting, 12 + 2 * (seed % 2))


@fault("dlms-version-wrong")
def version_five(seed: int) -> Case:
    setting = Setting(seed)
    setting.proposal.version = setting.chance.choice((1, 4, 5))
    return _refused(setting, 1, "0E010601")


@fault("pdu-size-too-small")
def tiny_pdu(seed: int) -> Case:
    setting = Setting(seed)
    setting.proposal.client_pdu = setting.chance.randrange(1, 12)
    return _refused(setting, 1, "0E010603")


@fault("conformance-insufficient")
def nothing_in_common(seed: int) -> Case:
    setting = Setting(seed)
    setting.proposal.conformance = 0
    return _refused(setting, 1, "0E010602")


@fault("user-information-missing")
def no_user_information(seed: int) -> Case:
    setting = _plain(seed)

    def cut(side: str, apdu: bytes) -> bytes:
        opening = initiate_request(setting.proposal, b"")
        if side == "client" and apdu[0] == 0x60:
            short = aarq(setting.proposal, b"", setting.password, opening)[2 : -len(opening) - 4]
            return bytes([0x60, len(short)]) + short
        return apdu

    talk = Refused(setting, line=cut)  # type: ignore[arg-type]
    talk.error = bytes.fromhex("0E010600")
    return talk.play(), setting.ring()


@fault("association-not-released")
def associated_twice(seed: int) -> Case:
    """A second AARQ on an open association; the meter refuses it."""
    setting = _plain(seed, 0)

    class Twice(Talk):
        def bye(self) -> None:
            it = self.setting
            self.send("client", aarq(it.proposal, b"", it.password, initiate_request(it.proposal, b"")))
            self.send("meter", bytes.fromhex("D80101"))
            raise Stop

    return Twice(setting).play(), setting.ring()
