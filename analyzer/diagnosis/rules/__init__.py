"""The rules, one file a layer. Importing this package registers them all, in the order of the layers."""

from analyzer.diagnosis.rules import keys, llc, security, xdlms  # noqa: F401
