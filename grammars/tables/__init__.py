"""Tables of the standard: tags, enumerations, units. Data, each with its source; no code."""
