"""The keys of the trace screen, and its help."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from analyzer.tui.widgets.message_list import LEGEND

HELP = f"""
Messages above, the fields of the chosen one below, its octets beside them. A field lights its octets, on the wire and in
the opened text; an octet selects its field. Signs: {LEGEND}.

What is watched (F7) is followed: its last message stays in sight. Going up in the list pauses that; f or End returns.

Filter words, all of which must hold, ! negates: text, dir:client, apdu:get, obis:1-0:1.8.0, frame:I, sec:failed (verified,
unauthenticated, no-key, none), find:error, hex:E6E600, is:bookmark, is:split.
"""

KEYS: list[BindingType] = [
    Binding("slash", "filter", "Filter", key_display="/", tooltip="filter the messages; empty shows all"),
    Binding("n", "finding(1)", "Finding", tooltip="next finding"),
    Binding("N", "finding(-1)", "Previous finding", show=False, tooltip="previous finding"),
    Binding("g", "go_to", "Go to", tooltip="go to a number"),
    Binding("left_square_bracket", "trace(-1)", "Previous trace", show=False, key_display="[",
            tooltip="previous trace"),
    Binding("right_square_bracket", "trace(1)", "Trace", key_display="]", tooltip="next trace"),
    Binding("f", "follow", "Follow", tooltip="stay at the end of what is watched, or no longer"),
    Binding("b", "bookmark", "Bookmark", show=False, tooltip="set or remove a bookmark"),
    Binding("apostrophe", "next_bookmark", "Next bookmark", show=False, key_display="'", tooltip="next bookmark"),
    Binding("c", "copy_field", "Copy", tooltip="copy the field"),
    Binding("C", "copy_frame", "Copy frame", show=False, tooltip="copy the frame in hexadecimal"),
    Binding("J", "copy_json", "Copy JSON", show=False, tooltip="copy the message as JSON"),
    Binding("w", "next_buffer", "Next buffer", show=False, tooltip="show the next opened buffer"),
    Binding("plus", "more", "More", show=False, key_display="+", tooltip="decode more of a long trace"),
    Binding("z", "zoom", "Zoom", show=False, tooltip="the pane in use alone, and back"),
]  # fmt: skip
