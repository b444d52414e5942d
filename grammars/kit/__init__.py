"""The words that the grammars are written in.

A field is `"name" / what_it_is * "what the standard says about it"`. Parsing gives raw nodes (see `spec`);
building takes them, or plain dicts, and computes lengths and checksums again.
"""

from grammars.kit.choices import Case, Choice, Counted, Peek, Recursive, Switch, TaggedSet, ToEnd
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
    U64,
    BitGroup,
    Bytes,
    Checksum,
    Expect,
    Hole,
    Struct,
    Symbols,
    Text,
    Variants,
    section,
    this,
)
from grammars.kit.primitives import (
    AxdrBitString,
    AxdrLength,
    Bits,
    Extended,
    ExtendedAddress,
    IntegerToEnd,
    Nothing,
    OctetLength,
    Sized,
)
from grammars.kit.regions import IfRoom, Lengthed, Present, Remaining, Rest, Until, UpTo, When
from grammars.kit.spec import Failure, Issue, Part, RawNode, Spec, find_raw, walk_raw

__all__ = [name for name in dir() if not name.startswith("_")]
