"""What dlms-cosem encodes and reads. Its classes are touched only inside functions, so that nothing here needs it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from grammars import apdu, data
from grammars.parse import build
from tests.second_opinion import (
    CLOCK,
    CONFORMANCE,
    FIVE,
    RAW,
    REGISTER,
    Encoded,
    Read,
    apdu_of,
    association_request,
    association_response,
    attribute,
    date_time,
    initiate_request,
    initiate_response,
    method,
    released,
)

TITLE, METER_TITLE = b"MMM\x00\x00\x00\x00\x01", b"MMM\x00\x00\xbc\x61\x4e"
DISCONNECT = method(70, "0000600300FF", 2)
NEXT_BLOCK = {"last_block": 0, "block_number": 3, "result": ("raw-data", RAW)}
ENCODED: list[Encoded] = []
READS: list[Read] = []
Maker = Callable[[], Any]


def case(row: str, variant: str, plain: Any, encodes: bool = True, reads: bool = True) -> Callable[[Maker], Maker]:
    """An object of the library that is these values: it must encode to them, and be read again out of ours."""

    def note(make: Maker) -> Maker:
        if encodes:
            ENCODED.append(Encoded(row, variant, lambda: bytes(make().to_bytes()), plain))
        if reads:
            READS.append(Read(row, variant, plain, lambda octets: type(make()).from_bytes(octets), make))
        return make

    return note


def _attribute(interface: int, obis: str, index: int) -> Any:
    from dlms_cosem import cosem, enumerations

    return cosem.CosemAttribute(enumerations.CosemInterface(interface), cosem.Obis.from_string(obis), index)


def _method() -> Any:
    from dlms_cosem import cosem, enumerations

    return cosem.CosemMethod(enumerations.CosemInterface(70), cosem.Obis.from_string("0.0.96.3.0.255"), 2)


def _get() -> Any:
    from dlms_cosem.protocol.xdlms import get

    return get


def _enum() -> Any:
    from dlms_cosem import enumerations

    return enumerations


def _xdlms() -> Any:
    from dlms_cosem.protocol import xdlms

    return xdlms


def _of(value: Any) -> bytes:
    return build(data.DATA, value)


@case(
    "get-request",
    "normal",
    apdu_of("get-request", "get-request-normal", cosem_attribute_descriptor=CLOCK, access_selection=None),
)
def get_normal() -> Any:
    return _get().GetRequestNormal(_attribute(8, "0.0.1.0.0.255", 2))


@case("get-request", "next", apdu_of("get-request", "get-request-next", block_number=7))
def get_next() -> Any:
    return _get().GetRequestNext(7)


@case(
    "get-request",
    "with list",
    apdu_of(
        "get-request",
        "get-request-with-list",
        attribute_descriptor_list=[
            {"cosem_attribute_descriptor": row, "access_selection": None} for row in (CLOCK, REGISTER)
        ],
    ),
)
def get_list() -> Any:
    from dlms_cosem.cosem import CosemAttributeWithSelection

    rows = (_attribute(8, "0.0.1.0.0.255", 2), _attribute(3, "1.0.1.8.0.255", 2))
    return _get().GetRequestWithList([CosemAttributeWithSelection(row, None) for row in rows])


@case("get-response", "normal", apdu_of("get-response", "get-response-normal", result=("data", FIVE)), encodes=False)
def response_normal() -> Any:
    return _get().GetResponseNormal(_of(FIVE))


@case("get-response", "error", apdu_of("get-response", "get-response-normal", result=("data-access-result", 4)))
def response_error() -> Any:
    return _get().GetResponseNormalWithError(_enum().DataAccessResult(4))


@case("get-response", "block", apdu_of("get-response", "get-response-with-datablock", result=NEXT_BLOCK))
def response_block() -> Any:
    return _get().GetResponseWithBlock(RAW, 3)


@case(
    "get-response",
    "last block",
    apdu_of("get-response", "get-response-with-datablock", result={**NEXT_BLOCK, "last_block": 1}),
)
def response_last_block() -> Any:
    return _get().GetResponseLastBlock(RAW, 3)


@case(
    "get-response",
    "last block, error",
    apdu_of(
        "get-response",
        "get-response-with-datablock",
        result={"last_block": 1, "block_number": 3, "result": ("data-access-result", 19)},
    ),
)
def response_block_error() -> Any:
    return _get().GetResponseLastBlockWithError(_enum().DataAccessResult(19), 3)


@case(
    "get-response",
    "with list",
    apdu_of("get-response", "get-response-with-list", result=[("data", FIVE), ("data-access-result", 3)]),
)
def response_list() -> Any:
    from dlms_cosem import dlms_data

    return _get().GetResponseWithList([dlms_data.UnsignedLongData(5), _enum().DataAccessResult(3)])


@case(
    "set-request",
    "normal",
    apdu_of("set-request", "set-request-normal", cosem_attribute_descriptor=CLOCK, access_selection=None, value=FIVE),
)
def set_normal() -> Any:
    return _xdlms().SetRequestNormal(_attribute(8, "0.0.1.0.0.255", 2), _of(FIVE))


@case("set-response", "normal", apdu_of("set-response", "set-response-normal", result=3))
def set_response() -> Any:
    return _xdlms().SetResponseNormal(_enum().DataAccessResult(3))


@case(
    "action-request",
    "normal",
    apdu_of(
        "action-request",
        "action-request-normal",
        invoke_id_and_priority=0xC0,
        cosem_method_descriptor=DISCONNECT,
        method_invocation_parameters=("integer", 0),
    ),
)
def action() -> Any:
    return _xdlms().ActionRequestNormal(_method(), b"\x0f\x00")


@case(
    "action-request",
    "normal, no parameters",
    apdu_of(
        "action-request",
        "action-request-normal",
        invoke_id_and_priority=0xC0,
        cosem_method_descriptor=DISCONNECT,
        method_invocation_parameters=None,
    ),
)
def action_bare() -> Any:
    return _xdlms().ActionRequestNormal(_method())


def _answer(result: int, back: Any) -> Any:
    return apdu_of(
        "action-response",
        "action-response-normal",
        invoke_id_and_priority=0xC0,
        single_response={"result": result, "return_parameters": back},
    )


@case("action-response", "normal", _answer(0, None))
def action_answer() -> Any:
    return _xdlms().ActionResponseNormal(_enum().ActionResultStatus(0))


@case("action-response", "normal, data", _answer(0, ("data", FIVE)))
def action_answer_data() -> Any:
    return _xdlms().ActionResponseNormalWithData(_enum().ActionResultStatus(0), _of(FIVE))


@case("action-response", "normal, error", _answer(0, ("data-access-result", 3)))
def action_answer_error() -> Any:
    status, error = _enum().ActionResultStatus(0), _enum().DataAccessResult(3)
    return _xdlms().ActionResponseNormalWithError(status, error)


@case(
    "data-notification",
    "no time",
    (
        "data-notification",
        {
            "long_invoke_id_and_priority": 0x40000102,
            "date_time": ("no_date_time", None),
            "notification_body": ("structure", [FIVE, ("octet-string", RAW)]),
        },
    ),
)
def notification() -> Any:
    from dlms_cosem.protocol.xdlms.data_notification import LongInvokeIdAndPriority

    body = _of(("structure", [FIVE, ("octet-string", RAW)]))
    return _xdlms().DataNotification(LongInvokeIdAndPriority(0x102, confirmed=True), None, body)


@case("exception-response", "", ("exception-response", {"state_error": 1, "service_error": 2}))
def exception() -> Any:
    return _xdlms().ExceptionResponse(_enum().StateException(1), _enum().ServiceException(2))


@case(
    "exception-response",
    "counter",
    ("exception-response", {"state_error": 2, "service_error": 6, "invocation_counter": 258}),
    encodes=False,
)
def exception_counter() -> Any:
    return _xdlms().ExceptionResponse(_enum().StateException(2), _enum().ServiceException(6), 258)


@case("confirmed-service-error", "", ("confirmed-service-error", ("initiate-error", ("initiate", 1))))
def service_error() -> Any:
    return _xdlms().ConfirmedServiceError(_enum().InitiateError(1))


SEALED = {
    "security_control": 0x30,
    "invocation_counter": 258,
    "ciphered_text": bytes(range(20)),
    "authentication_tag": bytes(range(20, 32)),
}


@case(
    "general-glo-ciphering",
    "",
    ("general-glo-ciphering", {"system_title": METER_TITLE, "ciphered_service": SEALED}),
)
def general_glo() -> Any:
    from dlms_cosem.security import SecurityControlField

    return _xdlms().GeneralGlobalCipher(METER_TITLE, SecurityControlField(0, True, True), 258, bytes(range(32)))


@case("glo-initiate-request", "", ("glo-initiate-request", SEALED))
def glo_initiate_request() -> Any:
    from dlms_cosem.security import SecurityControlField

    return _xdlms().GlobalCipherInitiateRequest(SecurityControlField(0, True, True), 258, bytes(range(32)))


@case("glo-initiate-response", "", ("glo-initiate-response", SEALED))
def glo_initiate_response() -> Any:
    from dlms_cosem.security import SecurityControlField

    return _xdlms().GlobalCipherInitiateResponse(SecurityControlField(0, True, True), 258, bytes(range(32)))


def _conformance() -> Any:
    from dlms_cosem.protocol.xdlms import Conformance

    return Conformance.from_bytes(b"\x00" + CONFORMANCE.to_bytes(3, "big"))


@case("initiate-request", "", initiate_request())
def initiate() -> Any:
    return _xdlms().InitiateRequest(_conformance(), proposed_quality_of_service=0)


@case("initiate-request", "dedicated key", initiate_request(dedicated=bytes(range(16))))
def initiate_dedicated() -> Any:
    return _xdlms().InitiateRequest(_conformance(), 0, dedicated_key=bytes(range(16)))


@case("initiate-response", "", initiate_response())
def initiate_answer() -> Any:
    return _xdlms().InitiateResponse(_conformance(), 500)


def _information(content: Any) -> Any:
    from dlms_cosem.protocol.acse import UserInformation

    return UserInformation(content)


def _association(mechanism: int) -> None:
    value = b"12345678" if mechanism == 1 else RAW * 4 if mechanism else b""
    ciphered = mechanism in (5, 6, 7)
    inner = ("glo-initiate-request", SEALED) if ciphered else initiate_request()
    title = TITLE if ciphered else b""

    def make() -> Any:
        from dlms_cosem.protocol import acse

        return acse.ApplicationAssociationRequest(
            _information(glo_initiate_request() if ciphered else initiate()),
            system_title=title or None,
            authentication=_enum().AuthenticationMechanism(mechanism) if mechanism else None,
            ciphered=ciphered,
            authentication_value=value or None,
        )

    plain = association_request(build(apdu.APDU, inner), 3 if ciphered else 1, mechanism, value, title)
    case("aarq", f"mechanism {mechanism}{', ciphered' if ciphered else ''}", plain)(make)


for number in range(8):
    _association(number)


@case("aare", "", association_response(build(apdu.APDU, initiate_response())))
def association_answer() -> Any:
    from dlms_cosem.protocol import acse

    return acse.ApplicationAssociationResponse(
        _enum().AssociationResult(0),
        _enum().AcseServiceUserDiagnostics(0),
        user_information=_information(initiate_answer()),
    )


@case(
    "aare",
    "mechanism 5, ciphered",
    association_response(
        build(apdu.APDU, ("glo-initiate-response", SEALED)), 3, 14, mechanism=5, value=RAW * 4, title=METER_TITLE
    ),
)
def association_answer_ciphered() -> Any:
    from dlms_cosem.protocol import acse

    return acse.ApplicationAssociationResponse(
        _enum().AssociationResult(0),
        _enum().AcseServiceUserDiagnostics(14),
        ciphered=True,
        authentication=_enum().AuthenticationMechanism(5),
        system_title=METER_TITLE,
        authentication_value=RAW * 4,
        user_information=_information(glo_initiate_response()),
    )


@case("rlrq", "", released("rlrq", 0))
def release() -> Any:
    from dlms_cosem.protocol import acse

    return acse.ReleaseRequest(_enum().ReleaseRequestReason(0))


@case("rlre", "", released("rlre", 0))
def release_answer() -> Any:
    from dlms_cosem.protocol import acse

    return acse.ReleaseResponse(_enum().ReleaseResponseReason(0))


NOT_ENCODED = {"null-data", "boolean"}
DATA: dict[str, tuple[str, Any, Any]] = {
    "null-data": ("NullData", None, None),
    "boolean": ("BooleanData", True, True),
    "double-long": ("DoubleLongData", -2, -2),
    "double-long-unsigned": ("DoubleLongUnsignedData", 258, 258),
    "octet-string": ("OctetStringData", RAW, RAW),
    "visible-string": ("VisibleStringData", "abc", b"abc"),
    "integer": ("IntegerData", -2, -2),
    "long": ("LongData", -2, -2),
    "unsigned": ("UnsignedIntegerData", 254, 254),
    "long-unsigned": ("UnsignedLongData", 65534, 65534),
    "long64": ("Long64Data", -2, -2),
    "long64-unsigned": ("UnsignedLong64Data", 2**64 - 2, 2**64 - 2),
    "enum": ("EnumData", 5, 5),
}


def _simple(kind: str, name: str, theirs: Any, ours: Any) -> None:
    def make() -> Any:
        from dlms_cosem import dlms_data

        return getattr(dlms_data, name)(theirs)

    def read(octets: bytes) -> Any:
        from dlms_cosem.dlms_data import DlmsDataParser

        return DlmsDataParser().parse(octets)[0].value

    plain = (kind, ours)
    if kind not in NOT_ENCODED:
        ENCODED.append(Encoded("COSEM data", kind, lambda: bytes(make().to_bytes()), plain, data.DATA))
    READS.append(Read("COSEM data", kind, plain, read, lambda: theirs, data.DATA))


for kind, (name, theirs, ours) in DATA.items():
    _simple(kind, name, theirs, ours)

NESTED = ("structure", [FIVE, ("array", [("unsigned", 1), ("unsigned", 2)]), ("octet-string", RAW)])


def _nested(octets: bytes) -> Any:
    from dlms_cosem import utils

    return utils.parse_as_dlms_data(octets)


READS.append(Read("COSEM data", "nested", NESTED, _nested, lambda: [5, [1, 2], bytearray(RAW)], data.DATA))


def _when() -> datetime:
    return datetime(2024, 11, 26, 10, 30, 15, tzinfo=timezone(timedelta(hours=1)))


def _date_time_out() -> bytes:
    from dlms_cosem.time import datetime_to_bytes

    return b"\x19" + bytes(datetime_to_bytes(_when()))


def _date_time_in(octets: bytes) -> Any:
    from dlms_cosem.time import datetime_from_bytes

    return datetime_from_bytes(octets[1:])[0]


MOMENT = ("date-time", date_time(2024, 11, 26, 255, 10, 30, 15, 0, -60))
ENCODED.append(Encoded("date-time", "UTC+1", _date_time_out, MOMENT, data.DATA))
READS.append(Read("date-time", "UTC+1", MOMENT, _date_time_in, _when, data.DATA))


@case(
    "get-request",
    "range selection",
    apdu_of(
        "get-request",
        "get-request-normal",
        cosem_attribute_descriptor=attribute(7, "0100630100FF", 2),
        access_selection={
            "access_selector": 1,
            "access_parameters": (
                "structure",
                [
                    (
                        "structure",
                        [
                            ("long-unsigned", 8),
                            ("octet-string", CLOCK["instance_id"]),
                            ("integer", 2),
                            ("long-unsigned", 0),
                        ],
                    ),
                    ("octet-string", bytes.fromhex("07E80B1AFF0A1E0F00FFC400")),
                    ("octet-string", bytes.fromhex("07E80B1AFF0A1E0F00FFC400")),
                    ("array", []),
                ],
            ),
        },
    ),
)
def get_range() -> Any:
    from dlms_cosem.cosem.capture_object import CaptureObject
    from dlms_cosem.cosem.selective_access import RangeDescriptor

    clock = CaptureObject(_attribute(8, "0.0.1.0.0.255", 2), 0)
    return _get().GetRequestNormal(
        _attribute(7, "1.0.99.1.0.255", 2), access_selection=RangeDescriptor(clock, _when(), _when())
    )
