"""What gurux-dlms encodes and reads. Its classes are touched only inside functions, so that nothing here needs it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

from grammars import apdu
from grammars.parse import build
from tests.second_opinion import (
    CLOCK,
    FIVE,
    RAW,
    REGISTER,
    Encoded,
    Read,
    apdu_of,
    association_request,
    association_response,
    attribute,
    initiate_request,
    initiate_response,
    method,
    released,
)

TITLE = b"MMM\x00\x00\x00\x00\x01"
CHALLENGE = bytes(range(16))
LN_CONFORMANCE, SN_CONFORMANCE = 0x401E5D, 0x1C0320  # what the library proposes by itself
HEADER = 8  # octets of the wrapper
PROFILE = attribute(7, "0100630100FF", 2)
LONG = bytes(range(100))
ENCODED: list[Encoded] = []
READS: list[Read] = []


def client(ln: bool = True, mechanism: int = 0) -> Any:
    """A client that speaks through the wrapper; its challenge is known."""
    from gurux_dlms.enums import Authentication, InterfaceType
    from gurux_dlms.secure import GXDLMSSecureClient

    made = GXDLMSSecureClient(ln, 16, 1, Authentication(mechanism), b"12345678", InterfaceType.WRAPPER)
    made.ciphering.systemTitle = TITLE
    made.settings.useCustomChallenge = True
    made.settings.ctoSChallenge = bytearray(CHALLENGE)
    return made


def only(messages: Any) -> bytes:
    """The APDU of the only message."""
    messages = messages if isinstance(messages, list) else [messages]
    assert len(messages) == 1
    return bytes(messages[0])[HEADER:]


def encoded(row: str, variant: str, plain: Any, theirs: Callable[[], Any]) -> None:
    ENCODED.append(Encoded(row, variant, lambda: only(theirs()), plain))


def shown(octets: bytes) -> list[tuple[str, str]]:
    """What the translator shows: the elements that have a value, in their order."""
    from gurux_dlms import GXDLMSTranslator
    from gurux_dlms.enums import TranslatorOutputType

    text = GXDLMSTranslator(TranslatorOutputType.SIMPLE_XML).pduToXml(bytearray(octets))
    found = ET.fromstring(f"<all>{text}</all>").iter()
    return [(element.tag, element.attrib.get("Value", "")) for element in found if "Value" in element.attrib]


def read(row: str, variant: str, plain: Any, *expected: tuple[str, str]) -> None:
    READS.append(Read(row, variant, plain, shown, lambda: list(expected)))


def both(row: str, variant: str, plain: Any, theirs: Callable[[], Any], *expected: tuple[str, str]) -> None:
    encoded(row, variant, plain, theirs)
    read(row, variant, plain, *expected)


# -- what a client sends -----------------------------------------------------------------------------------


def _object(kind: str, *where: Any) -> Any:
    import gurux_dlms.objects

    return getattr(gurux_dlms.objects, kind)(*where)


def _clock() -> Any:
    return _object("GXDLMSClock", "0.0.1.0.0.255")


def _data(value: Any, kind: str, *where: Any) -> Any:
    from gurux_dlms.enums import DataType

    made = _object("GXDLMSData", *(where or ("0.0.96.1.0.255",)))
    made.value = value
    made.setDataType(2, DataType[kind])
    return made


def _listed(ln: bool, *rows: Any) -> Any:
    from gurux_dlms.enums import Conformance

    made = client(ln)
    made.settings.negotiatedConformance = Conformance.MULTIPLE_REFERENCES | Conformance.GET | Conformance.READ
    return made.readList(list(rows))[0]


INVOKE = ("InvokeIdAndPriority", "C1")
CLOCK_SHOWN = (("ClassId", "0008"), ("InstanceId", "0000010000FF"), ("AttributeId", "02"))
REGISTER_SHOWN = (("ClassId", "0003"), ("InstanceId", "0100010800FF"), ("AttributeId", "02"))
DATA_OBJECT = attribute(1, "0000600100FF", 2)
DATA_SHOWN = (("ClassId", "0001"), ("InstanceId", "0000600100FF"), ("AttributeId", "02"))

both(
    "get-request",
    "normal",
    apdu_of("get-request", "get-request-normal", cosem_attribute_descriptor=CLOCK, access_selection=None),
    lambda: client().read(_clock(), 2),
    INVOKE,
    *CLOCK_SHOWN,
)
read(
    "get-request",
    "next",
    apdu_of("get-request", "get-request-next", block_number=7),
    INVOKE,
    ("BlockNumber", "00000007"),
)
both(
    "get-request",
    "with list",
    apdu_of(
        "get-request",
        "get-request-with-list",
        attribute_descriptor_list=[
            {"cosem_attribute_descriptor": row, "access_selection": None} for row in (CLOCK, REGISTER)
        ],
    ),
    lambda: _listed(True, (_clock(), 2), (_object("GXDLMSRegister", "1.0.1.8.0.255"), 2)),
    INVOKE,
    *CLOCK_SHOWN,
    *REGISTER_SHOWN,
)
both(
    "get-request",
    "entry selection",
    apdu_of(
        "get-request",
        "get-request-normal",
        cosem_attribute_descriptor=PROFILE,
        access_selection={
            "access_selector": 2,
            "access_parameters": (
                "structure",
                [("double-long-unsigned", 1), ("double-long-unsigned", 2), ("long-unsigned", 1), ("long-unsigned", 0)],
            ),
        },
    ),
    lambda: client().readRowsByEntry(_object("GXDLMSProfileGeneric", "1.0.99.1.0.255"), 1, 2),
    INVOKE,
    ("ClassId", "0007"),
    ("InstanceId", "0100630100FF"),
    ("AttributeId", "02"),
    ("AccessSelector", "02"),
    ("UInt32", "00000001"),
    ("UInt32", "00000002"),
    ("UInt16", "0001"),
    ("UInt16", "0000"),
)
both(
    "set-request",
    "normal",
    apdu_of(
        "set-request", "set-request-normal", cosem_attribute_descriptor=DATA_OBJECT, access_selection=None, value=FIVE
    ),
    lambda: client().write(_data(5, "UINT16"), 2),
    INVOKE,
    *DATA_SHOWN,
    ("UInt16", "0005"),
)


def _long_write() -> list[bytes]:
    made = client()
    made.settings.maxPduSize = 64
    return [bytes(message)[HEADER:] for message in made.write(_data(bytearray(LONG), "OCTET_STRING"), 2)]


def _block(last: int, number: int, octets: bytes) -> dict[str, Any]:
    return {"last_block": last, "block_number": number, "raw_data": octets}


ENCODED += [
    Encoded(
        "set-request",
        "first block",
        lambda: _long_write()[0],
        apdu_of(
            "set-request",
            "set-request-with-first-datablock",
            cosem_attribute_descriptor=DATA_OBJECT,
            access_selection=None,
            datablock=_block(0, 1, b"\x09\x64" + LONG[:43]),
        ),
    ),
    Encoded(
        "set-request",
        "last block",
        lambda: _long_write()[2],
        apdu_of("set-request", "set-request-with-datablock", datablock=_block(1, 3, LONG[98:])),
    ),
]
read(
    "set-request",
    "block",
    apdu_of("set-request", "set-request-with-datablock", datablock=_block(1, 2, RAW)),
    INVOKE,
    ("LastBlock", "01"),
    ("BlockNumber", "00000002"),
    ("RawData", RAW.hex().upper()),
)


def _invoke_method() -> Any:
    from gurux_dlms.enums import DataType

    return client().method(_object("GXDLMSDisconnectControl", "0.0.96.3.10.255"), 1, 0, DataType.INT8)


both(
    "action-request",
    "normal",
    apdu_of(
        "action-request",
        "action-request-normal",
        cosem_method_descriptor=method(70, "000060030AFF", 1),
        method_invocation_parameters=("integer", 0),
    ),
    _invoke_method,
    INVOKE,
    ("ClassId", "0046"),
    ("InstanceId", "000060030AFF"),
    ("MethodId", "01"),
    ("Int8", "00"),
)


def name(number: int) -> tuple[str, Any]:
    return ("variable-name", {"variable_name": number})


both(
    "read-request",
    "one variable",
    ("read-request", {"variable_access_specification": [name(0x108)]}),
    lambda: client(False).read(_data(5, "UINT16", "0.0.96.1.0.255", 0x100), 2),
    ("VariableName", "0108"),
)
both(
    "read-request",
    "two variables",
    ("read-request", {"variable_access_specification": [name(0x100), name(0x108)]}),
    lambda: _listed(False, *((_data(5, "UINT16", "0.0.96.1.0.255", 0x100), index) for index in (1, 2))),
    ("VariableName", "0100"),
    ("VariableName", "0108"),
)
both(
    "read-request",
    "entry selection",
    (
        "read-request",
        {
            "variable_access_specification": [
                (
                    "parameterized-access",
                    {
                        "variable_name": 0x208,
                        "selector": 2,
                        "parameter": (
                            "structure",
                            [
                                ("double-long-unsigned", 1),
                                ("double-long-unsigned", 2),
                                ("long-unsigned", 1),
                                ("long-unsigned", 0),
                            ],
                        ),
                    },
                )
            ]
        },
    ),
    lambda: client(False).readRowsByEntry(_object("GXDLMSProfileGeneric", "1.0.99.1.0.255", 0x200), 1, 2),
    ("VariableName", "0208"),
    ("Selector", "02"),
    ("UInt32", "00000001"),
    ("UInt32", "00000002"),
    ("UInt16", "0001"),
    ("UInt16", "0000"),
)
both(
    "write-request",
    "",
    ("write-request", {"variable_access_specification": [name(0x108)], "list_of_data": [FIVE]}),
    lambda: client(False).write(_data(5, "UINT16", "0.0.96.1.0.255", 0x100), 2),
    ("VariableName", "0108"),
    ("UInt16", "0005"),
)


def _release() -> Any:
    from gurux_dlms.ConnectionState import ConnectionState

    made = client()
    made.settings.connected = ConnectionState.DLMS
    return made.releaseRequest()


both("rlrq", "", released("rlrq", 0), _release, ("Reason", "Normal"))
read("rlre", "", released("rlre", 0), ("Reason", "Normal"))

# -- associations ------------------------------------------------------------------------------------------

INITIATE = build(apdu.APDU, initiate_request(LN_CONFORMANCE))
for mechanism in range(8):
    value = b"12345678" if mechanism == 1 else CHALLENGE if mechanism else b""
    title = TITLE if mechanism in (5, 6, 7) else b""
    encoded(
        "aarq",
        f"mechanism {mechanism}",
        association_request(INITIATE, 1, mechanism, value, title),
        lambda mechanism=mechanism: client(mechanism=mechanism).aarqRequest(),
    )
encoded(
    "aarq",
    "short names",
    association_request(build(apdu.APDU, initiate_request(SN_CONFORMANCE)), 2),
    lambda: client(False).aarqRequest(),
)
BITS = ("Get", "Set")
SHOWN = (("ProposedDlmsVersionNumber", "06"), ("ProposedMaxPduSize", "FFFF"))
read(
    "aarq",
    "mechanism 1",
    association_request(build(apdu.APDU, initiate_request(0x18)), 1, 1, b"12345678"),
    ("ApplicationContextName", "LN"),
    ("SenderACSERequirements", "1"),
    ("MechanismName", "Low"),
    ("CallingAuthentication", "3132333435363738"),
    *SHOWN,
)
read("initiate-request", "", initiate_request(0x18), *SHOWN)
ANSWERED = (("NegotiatedDlmsVersionNumber", "06"), ("NegotiatedMaxPduSize", "01F4"), ("VaaName", "0007"))
read("initiate-response", "", initiate_response(0x18), *ANSWERED)
read(
    "aare",
    "mechanism 5",
    association_response(build(apdu.APDU, initiate_response(0x18)), 1, 14, 5, CHALLENGE, TITLE),
    ("ApplicationContextName", "LN"),
    ("AssociationResult", "00"),
    ("ACSEServiceUser", "0E"),
    ("RespondingAPTitle", TITLE.hex().upper()),
    ("ResponderACSERequirement", "1"),
    ("MechanismName", "HighGmac"),
    ("RespondingAuthentication", CHALLENGE.hex().upper()),
    *ANSWERED,
)
