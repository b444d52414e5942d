"""The words that the grammars are written in.

A field is `"name" / what_it_is * "what the standard says about it"`. Parsing gives raw nodes (see `spec`);
building takes them, or plain dicts, and computes lengths and checksums again.
"""

from grammars.kit.choices import Case, Choice, Counted, Fallback, Peek, Recursive, Switch, TaggedSet, ToEnd
from grammars.kit.described import Described
from grammars.kit.fields import (
    ABSENT,
    BOOLEAN,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U16_LITTLE,
    U32,
    U32_LITTLE,
    U64,
    Bytes,
    Struct,
    section,
    this,
)
from grammars.kit.primitives import (
    AxdrBitString,
    AxdrLength,
    Bits,
    Extended,
    ExtendedAddress,
    HexDigits,
    IntegerToEnd,
    Nothing,
    OctetLength,
    Sized,
)
from grammars.kit.regions import Before, IfNext, IfRoom, Lengthed, Present, Remaining, Rest, UpTo, When
from grammars.kit.spec import Failure, Issue, Part, RawNode, Spec, find_raw, walk_raw
from grammars.kit.wrappers import BitGroup, Checksum, Expect, Hole, LengthOf, Readable, Repeats, Symbols, Text, Variants

__all__ = [name for name in dir() if not name.startswith("_")]
