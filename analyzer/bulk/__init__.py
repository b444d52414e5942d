"""Work on all cores: worker processes that take jobs and survive each other's death, and long traces cut into ranges.

Workers give back columns, lines of text or octets of Parquet, never messages or trees.
"""
