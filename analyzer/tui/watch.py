"""What is watched, in a thread: it puts what comes into the session, and says in a line how it goes. No Textual here."""

from __future__ import annotations

import threading
import time
from typing import Literal

from analyzer.shown import counted
from analyzer.sources import InputError
from analyzer.tui.session import Session
from analyzer.watching import Watched

State = Literal["running", "stopped", "ended", "failed"]
# Signs that differ in shape, not only in colour.
SIGNS: dict[State, str] = {"running": "●", "stopped": "■", "ended": "■", "failed": "✗"}
LEAVE = 6.0  # seconds for tshark, ports and connections to close


class Watch:
    """One source, watched into a session, which it empties first. `stop` may be called at any time."""

    def __init__(self, source: Watched, session: Session) -> None:
        self._source, self._session = source, session
        self._began = time.monotonic()
        self._took = 0.0
        self._problem = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dlmscope watch", daemon=True)
        self.state: State = "running"
        self.octets = 0
        self.epoch = session.begin_growth()

    def __repr__(self) -> str:
        return f"Watch({self._source.name!r}, {self.state})"

    @property
    def name(self) -> str:
        """What is watched."""
        return self._source.name

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it soon."""
        self._stopping.set()
        self._source.stop()

    def wait(self, patience: float = LEAVE) -> None:
        """Waits until everything is closed."""
        if self._thread.ident is not None:
            self._thread.join(patience)

    def line(self) -> str:
        """How it goes: a sign, what is watched, how many traces, messages and octets, since when, and what there is to
        say of it."""
        session = self._session
        messages = sum(len(session.so_far(index)[0]) for index in range(len(session.traces)))
        seconds = self._seconds()
        counts = (
            f"{counted(messages, 'message')}, {counted(self.octets, 'octet')}, {seconds // 60:02}:{seconds % 60:02}"
        )
        if len(session.traces) > 1:
            counts = f"{len(session.traces)} traces, {counts}"
        said = f"{SIGNS[self.state]} {self._source.name}: {counts}"
        note = self._problem or self._source.note
        if self.state != "running":
            said += f"; {self.state}"
        return f"{said}: {note}" if note and self.state != "running" else f"{said}; {note}" if note else said

    def _seconds(self) -> int:
        """How long it has been going on, or went on."""
        return int(time.monotonic() - self._began if self.state == "running" else self._took)

    def _run(self) -> None:
        coming = self._source.arrivals()
        try:
            for arrival in coming:
                if not self._session.arrived(arrival, self.epoch):
                    break
                self.octets += sum(len(record.data) for record in arrival.records)
            state: State = "stopped" if self._stopping.is_set() else "ended"
        except (InputError, OSError, RuntimeError) as problem:
            # Whoever stops before there was anything need not be told that there was nothing.
            state = "stopped" if self._stopping.is_set() else "failed"
            self._problem = "" if self._stopping.is_set() else " ".join(str(problem).split())
        except Exception as problem:
            state = "failed"
            self._problem = (
                f"a defect of dlmscope: {type(problem).__name__}; please report it"  # its text may hold secrets
            )
        finally:
            close = getattr(coming, "close", None)
            if close is not None:
                close()
        self._session.end_growth(self.epoch)
        self._took = time.monotonic() - self._began
        self.state = state
