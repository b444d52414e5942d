"""Captures as columns: what each frame is, in some 25 to 45 octets, before anything of it becomes an object.

columns (what is kept of a frame) <- rows (how they come in, and the frame of each) <- trace (the index of a trace)
stream (one long record, window by window) and batches (many records at once) <- clean (HDLC by NumPy), fields, checks, sides
careful (all that is not clean, one frame after the other) <- row (the columns of one frame, by the grammars)
numbering (the message that each frame becomes part of), pages (the messages themselves, when they are looked at)
"""
