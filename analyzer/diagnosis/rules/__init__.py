"""The rules, one file a layer. Importing this package registers them all, in the order of the layers."""

from analyzer.diagnosis.rules import frames, session, addressing, llc, acse, hls, keys, security, initiate, services  # noqa: F401, I001
