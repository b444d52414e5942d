"""The fault laboratory: a client and a meter that talk as the standard has it, and the faults that people make.

Nothing here reads the rules of the diagnosis, and octets are built from the tables of the standard, so that what the
engine says of a conversation is measured against something that does not depend on it.
"""
