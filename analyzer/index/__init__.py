"""Captures as columns: what each frame is, in some 24 octets, before anything of it becomes an object.

columns (what is kept of a frame) <- stream (a pass over the octets of a line) <- clean (NumPy) or framing (damaged)
checks (FCS of many frames at once), sides (who sent each frame), frames (the frames themselves, when asked for)
"""
