"""What others make of the same octets: gurux-dlms and dlms-cosem, each by the way that its users take.

Each function gives what it read in a form that can be compared with ours. Nothing here is shipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

XML_VALUE = re.compile(r'<(\w+) (?:Qty="\w+" )?Value="(\w*)"')
CHECK_AND_FLAG = 3  # octets
INSTALLED = frozenset(name for name in ("gurux_dlms", "dlms_cosem", "pyshark") if find_spec(name) is not None)


def translator(ek: bytes = b"", ak: bytes = b"", title: bytes = b"") -> Callable[[bytes], str]:
    """gurux-dlms: an APDU as XML, opened where it is ciphered and keys are given."""
    from gurux_dlms import GXDLMSTranslator
    from gurux_dlms.enums import Security, TranslatorOutputType

    made = GXDLMSTranslator(TranslatorOutputType.SIMPLE_XML)
    if ek:
        made.security = Security.AUTHENTICATION_ENCRYPTION
        made.blockCipherKey, made.authenticationKey, made.systemTitle = bytearray(ek), bytearray(ak), bytearray(title)
        made.comments = True  # where it tells what is inside
    return lambda octets: str(made.pduToXml(bytearray(octets)))


def shown(xml: str) -> list[tuple[str, str]]:
    """The elements of such XML that have a value."""
    return XML_VALUE.findall(xml)


def gurux_values(octets: bytes) -> Any:
    """gurux-dlms: the value of a GET.response behind a wrapper, by a client's getData."""
    from gurux_dlms import GXByteBuffer, GXDLMSClient, GXReplyData
    from gurux_dlms.enums import Authentication, InterfaceType

    client = GXDLMSClient(True, 16, 1, Authentication.NONE, None, InterfaceType.WRAPPER)
    reply = GXReplyData()
    client.getData(GXByteBuffer(octets), reply, None)
    return reply.value


def cosem_request(octets: bytes) -> Any:
    """dlms-cosem: a GET.request."""
    from dlms_cosem.protocol.xdlms import GetRequestFactory

    return GetRequestFactory.from_bytes(octets)


def cosem_values(octets: bytes) -> Any:
    """dlms-cosem: a GET.response and the value in it."""
    from dlms_cosem.protocol.xdlms import GetResponseFactory
    from dlms_cosem.utils import parse_as_dlms_data

    return parse_as_dlms_data(GetResponseFactory.from_bytes(octets).data)


def cosem_decrypts(ek: bytes, ak: bytes, title: bytes, counter: int) -> Callable[[bytes], bytes]:
    """dlms-cosem: ciphertext and tag decrypted and verified, and nothing else."""
    from dlms_cosem.security import SecurityControlField, decrypt

    control = SecurityControlField(0, authenticated=True, encrypted=True)
    return lambda octets: bytes(decrypt(control, title, counter, ek, octets, ak))


def cosem_frames(frames: list[bytes]) -> Iterator[Any]:
    """dlms-cosem: information frames, given to its parser one by one."""
    from dlms_cosem.hdlc.frames import InformationFrame

    return map(InformationFrame.from_bytes, frames)


def gurux_frames(stream: bytes) -> Iterator[bytes]:
    """gurux-dlms: the frames of a meter, cut out of a stream and checked as a client does it."""
    from gurux_dlms import GXByteBuffer, GXDLMSClient, GXReplyData
    from gurux_dlms.enums import Authentication, InterfaceType
    from gurux_dlms.GXDLMS import GXDLMS

    client = GXDLMSClient(True, 16, 1, Authentication.NONE, None, InterfaceType.HDLC)
    buffer = GXByteBuffer(stream)
    while buffer.position < len(buffer):
        data, start = GXReplyData(), buffer.position
        client.settings.resetFrameSequence()
        GXDLMS.getHdlcData(False, client.settings, buffer, data, None)
        buffer.position = data.packetLength + CHECK_AND_FLAG  # to the next frame; what is in this one is another's work
        yield stream[start : buffer.position]
