"""The terminal interface: it shows what the core says and knows nothing of the protocol itself."""
