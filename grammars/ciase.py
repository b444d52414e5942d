"""The CIASE services of power line stations: finding them, giving them addresses (IEC 61334-4-511, Green Book).

Provisional: compiled from descriptions of the standard, not compared with traffic. A system title has 8 octets as
everywhere in DLMS/COSEM; the titles of 6 octets that older stations have leave octets over, which stay visible.
"""

from grammars.kit import U8, U16, Bytes, Counted, Expect, Hole, IfRoom, Present, Struct

TITLE = Hole("system_title", Bytes(8))
SYSTEM_TITLE = "system_title_server" / TITLE * "system title of the station"

PING_REQUEST = Struct(SYSTEM_TITLE)
PING_RESPONSE = Struct(SYSTEM_TITLE)
REGISTER_REQUEST = Struct(
    "active_initiator" / TITLE * "system title of the initiator",
    "list_of_correspondence"
    / Counted(
        Struct(
            "new_system_title" / TITLE * "system title of the new station",
            "mac_address" / Expect(U16, range(0x1000), "a MAC address has 12 bits") * "the address that it gets",
        ),
        "correspondence",
        "a new station",
    )
    * "new stations and their addresses",
)
DISCOVER_REQUEST = Struct(
    "response_probability" / Expect(U8, range(101), "a probability is 0 to 100") * "in percent",
    "allowed_time_slots" / U16 * "time slots for the answers",
    "discover_report_initial_credit" / Expect(U8, range(8), "a credit is 0 to 7") * "credit of the reports",
    "ic_equal_credit" / Expect(U8, range(2), "0 or 1") * "1: answer with the credit that arrived",
)
DISCOVER_REPORT = Struct(
    "system_titles"
    / Counted(Struct("system_title" / TITLE * "system title"), "station", "a new station")
    * "the new stations",
    "alarm_descriptor" / IfRoom(Present(U8)) * "alarms of the station",
)
REPEATER_CALL = Struct(
    "max_adr_mac" / Expect(U16, range(0x1000), "a MAC address has 12 bits") * "highest address that is called",
    "number_of_time_slots_for_new_stations" / U8 * "nb_tslot_for_new",
    "reception_threshold" / IfRoom(Present(U8, default=104)) * "in dBµV, 104 unless given",
)
