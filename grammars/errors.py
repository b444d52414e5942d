"""exception-response and confirmedServiceError of IEC 62056-5-3."""

from grammars.kit import U8, U32, Case, Choice, Struct, Symbols, When, this
from grammars.tables.enums import (
    CONFIRMED_SERVICES,
    EXCEPTION_SERVICE_ERRORS,
    EXCEPTION_STATE_ERRORS,
    SERVICE_ERROR_CLASSES,
    SERVICE_ERRORS,
)

INVOCATION_COUNTER_ERROR = 6

EXCEPTION_RESPONSE = Struct(
    "state_error" / Symbols(U8, EXCEPTION_STATE_ERRORS) * "what the server cannot do now",
    "service_error" / Symbols(U8, EXCEPTION_SERVICE_ERRORS) * "why",
    "invocation_counter"
    / When(this.service_error == INVOCATION_COUNTER_ERROR, U32)
    * "the lowest invocation counter that the server accepts",
)

SERVICE_ERROR = Choice(
    "service_error",
    {
        number: Case(name, Symbols(U8, SERVICE_ERRORS.get(number, {0: ("other", "not said")})), meaning)
        for number, (name, meaning) in SERVICE_ERROR_CLASSES.items()
    },
)

CONFIRMED_SERVICE_ERROR = Choice(
    "confirmed_service_error",
    {number: Case(name, SERVICE_ERROR, meaning) for number, (name, meaning) in CONFIRMED_SERVICES.items()},
)
