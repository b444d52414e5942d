"""All APDUs by their first octet (IEC 62056-5-3, ACSE-APDU and XDLMS-APDU; CIASE of IEC 61334-4-511)."""

from grammars import access, acse, action, ciase, ciphering, errors, gbt, get, initiate, notification, set, sn
from grammars.kit import Case, Choice, Rest
from grammars.tables.apdu import APDU_TAGS, meaning

PLAIN = {
    0x01: initiate.INITIATE_REQUEST,
    0x05: sn.READ_REQUEST,
    0x06: sn.WRITE_REQUEST,
    0x08: initiate.INITIATE_RESPONSE,
    0x0C: sn.READ_RESPONSE,
    0x0D: sn.WRITE_RESPONSE,
    0x0E: errors.CONFIRMED_SERVICE_ERROR,
    0x0F: notification.DATA_NOTIFICATION,
    0x10: notification.DATA_NOTIFICATION_CONFIRM,
    0x16: sn.WRITE_REQUEST,
    0x18: notification.INFORMATION_REPORT_REQUEST,
    0x19: ciase.PING_REQUEST,
    0x1A: ciase.PING_RESPONSE,
    0x1C: ciase.REGISTER_REQUEST,
    0x1D: ciase.DISCOVER_REQUEST,
    0x1E: ciase.DISCOVER_REPORT,
    0x1F: ciase.REPEATER_CALL,
    0x60: acse.AARQ,
    0x61: acse.AARE,
    0x62: acse.RLRQ,
    0x63: acse.RLRE,
    0xC0: get.GET_REQUEST,
    0xC1: set.SET_REQUEST,
    0xC2: notification.EVENT_NOTIFICATION_REQUEST,
    0xC3: action.ACTION_REQUEST,
    0xC4: get.GET_RESPONSE,
    0xC5: set.SET_RESPONSE,
    0xC7: action.ACTION_RESPONSE,
    0xD8: errors.EXCEPTION_RESPONSE,
    0xD9: access.ACCESS_REQUEST,
    0xDA: access.ACCESS_RESPONSE,
    0xDB: ciphering.GENERAL_GLO_OR_DED,
    0xDC: ciphering.GENERAL_GLO_OR_DED,
    0xDD: ciphering.GENERAL_CIPHERING,
    0xDF: ciphering.GENERAL_SIGNING,
    0xE0: gbt.GENERAL_BLOCK_TRANSFER,
    0xE6: gbt.GATEWAY,
    0xE7: gbt.GATEWAY,
}
CIPHERED = {tag for tag, name in APDU_TAGS.items() if name.startswith(("glo-", "ded-"))}

APDU = Choice(
    "apdu",
    {tag: Case(APDU_TAGS[tag], sub, meaning(APDU_TAGS[tag])) for tag, sub in PLAIN.items()}
    | {tag: Case(APDU_TAGS[tag], ciphering.GLO_OR_DED, meaning(APDU_TAGS[tag])) for tag in CIPHERED},
    default=Case("unknown-apdu", Rest, "no APDU begins with this octet"),
)
