"""Trying a supposition: the form, the search, and what every protected APDU says to it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll

from analyzer.diagnosis.search import TRIED, Progress, Search, search
from analyzer.hypothesis import (
    HypothesisError,
    Supposition,
    applied,
    best_of,
    given_keys,
    tried,
)
from analyzer.hypothesis_text import supposed_from, texts_of
from analyzer.keyring import KeyRing
from analyzer.patience import StoppedError
from analyzer.tui.session import Session, Stop
from analyzer.tui.widgets.bytes_view import BytesView
from analyzer.tui.widgets.diagnosis_form import SuppositionForm
from analyzer.tui.widgets.diagnosis_trials import TrialRow, TrialRows, counted
from analyzer.tui.widgets.rows_view import RowsView
from analyzer.tui.widgets.said import Said

if TYPE_CHECKING:
    from analyzer.tui.app import DlmscopeApp

MOST = 2000  # APDUs of one trace that are tried at every change
PAUSE = 0.08
STEPS = 12  # lines of the search that stay in sight
FEW = 8  # messages that a line lists


class TryPanel(Horizontal):
    """Form and search on the left, verdicts and text on the right."""

    DEFAULT_CSS = """
    TryPanel #try-left { width: 38%; min-width: 34; max-width: 70; height: 1fr; }
    TryPanel #try-form { height: auto; padding: 0 1; }
    TryPanel #try-search { height: 1fr; min-height: 4; padding: 0 1; }
    TryPanel #try-right { width: 1fr; height: 1fr; }
    TryPanel TrialRows { height: 3fr; }
    TryPanel #try-text { height: 1fr; min-height: 5; }
    """

    def compose(self) -> ComposeResult:
        with Vertical(id="try-left"):
            with Vertical(id="try-form", classes="pane") as form:
                form.border_title = "Suppose"
                form.border_subtitle = "Tab next, Escape leaves"
                yield SuppositionForm()
            with VerticalScroll(id="try-search", classes="pane", can_focus=False) as found:
                found.border_title = "Search"
                yield Said("", id="try-found", markup=False)
        with Vertical(id="try-right"):
            yield TrialRows(id="trials", classes="pane")
            yield BytesView(id="try-text", classes="pane")

    def on_mount(self) -> None:
        """Nothing is tried yet."""
        self.supposed = self._given = Supposition()
        self._problem = ""
        self._steps: dict[tuple[str, str], list[int]] = {}
        self._generation = -1
        self._searching = False
        self._idle()

    @property
    def _app(self) -> DlmscopeApp:
        from analyzer.tui.app import DlmscopeApp

        assert isinstance(self.app, DlmscopeApp)
        return self.app

    @property
    def _form(self) -> SuppositionForm:
        return self.query_one(SuppositionForm)

    @property
    def _rows(self) -> TrialRows:
        return self.query_one("#trials", TrialRows)

    # Trying

    def begin(self) -> None:
        """Fills the form with the keys that are given, unless that was done for these traces and keys."""
        self._form.begin()
        session = self._app.session
        if self._generation == session.generation:
            return
        self._generation = session.generation
        self.restore()

    def restore(self) -> None:
        """The form as keys and traces have it."""
        session = self._app.session

        def work(stop: Stop) -> Supposition:
            return given_keys(session.keys, [session.messages(n, stop) for n in range(len(session.traces))])

        self._app.background.run("suppose", work, self._restored)

    def _restored(self, given: Supposition) -> None:
        self._given = given
        self._form.show(texts_of(given))
        self._try(given)

    @on(SuppositionForm.Edited)
    def edited(self, event: SuppositionForm.Edited) -> None:
        """Something was typed: it is tried when the typing pauses."""
        event.stop()
        self._app.background.cancel("suppose")
        try:
            supposed = supposed_from(event.texts)
        except HypothesisError as problem:
            self._app.background.cancel("try")
            self._problem = str(problem)
            self._rows.show(())
            self._title()
            self._look()
            return
        self._try(supposed)

    def _try(self, supposed: Supposition) -> None:
        self.supposed, self._problem = supposed, ""
        session = self._app.session
        self._app.background.run("try", lambda stop: _tried(session, supposed, stop), self._tried, PAUSE)

    def _tried(self, rows: list[TrialRow]) -> None:
        self._rows.show(rows)
        self._title()
        self._look()

    def _title(self) -> None:
        rows = self._rows
        rows.border_title = f"! {self._problem}".replace("[", "\\[") if self._problem else counted(rows.rows)
        rows.border_subtitle = "" if self._problem or not rows.rows else "trace#message"

    @on(RowsView.Moved, "#trials")
    def moved(self, event: RowsView.Moved) -> None:
        """Another APDU: its text."""
        event.stop()
        self._look()

    def _look(self) -> None:
        row, view = self._rows.current, self.query_one("#try-text", BytesView)
        text = row.trial.plaintext if row is not None else None
        view.show(text or b"")
        if row is None:
            view.border_title, view.border_subtitle = "Text", ""
            return
        sure = "" if row.trial.verdict == "verified" else ", nothing vouches for it"
        view.border_title = f"Text of {self._rows.where(row)}{sure}".replace("[", "\\[")
        view.border_subtitle = row.trial.reason.replace("[", "\\[")

    # Searching

    def _idle(self) -> None:
        self._found(Text("Ctrl+R tries key, title, counter, authenticated data and tag, one change after the other."))

    def _found(self, text: Text) -> None:
        self.query_one("#try-found", Said).update(text)

    def run_search(self) -> None:
        """Searches for what explains the APDUs that do not verify under the keys of the form; while it runs, stops it."""
        app, session = self._app, self._app.session
        if self._searching:
            self.stop_search()
            return
        self._steps, self._searching = {}, True
        self._found(Text("Searching ... Ctrl+R stops"))

        supposed = Supposition(self.supposed.encryption_key, self.supposed.authentication_key)
        keys = self._applied(supposed)
        as_given = supposed == Supposition(self._given.encryption_key, self._given.authentication_key)

        def work(stop: Stop) -> tuple[list[Search], Supposition | None]:
            made = []
            under = session if as_given else Session(session.traces, keys)
            for index, trace in enumerate(session.traces):
                messages = under.messages(index, stop)

                def watch(progress: Progress, name: str = trace.name) -> None:
                    if stop():
                        raise StoppedError
                    app.call_later(self._step, name, progress)

                made.append(search(messages, keys, watch))
            found = next(filter(None, (best_of(one) for one in made)), None)
            return made, found

        app.background.run("search", work, lambda made: self._ended(*made))

    def stop_search(self) -> None:
        """Cancels the search, if one runs; what it has found so far stays in sight."""
        if self._searching:
            self._searching = False
            self._app.background.cancel("search")
            self._found(Text("\n".join(["Stopped.", *self._lines()])))

    def _step(self, name: str, progress: Progress) -> None:
        if not self._searching:
            return
        latest = progress.latest
        number = latest.item.message.number
        if latest.hypothesis is None:
            said = "nothing explains it"
        else:
            changes = "; ".join(change.words for change in latest.hypothesis.changes) or "as given"
            said = f"{'verifies' if latest.verified else 'readable, not proven'}: {changes}"
        self._steps.setdefault((name, said), []).append(number)
        head = f"{progress.done} of {progress.total} APDUs, {progress.tried:,} attempts; Ctrl+R stops"
        self._found(Text("\n".join([head, *self._lines()])))

    def _lines(self) -> list[str]:
        """What was found, a line for all messages of a trace that one thing explains."""
        made = []
        for (name, said), numbers in list(self._steps.items())[-STEPS:]:
            listed = ", ".join(map(str, numbers[:FEW])) + (f" and {len(numbers) - FEW} more" * (len(numbers) > FEW))
            made.append(f"{name} {listed}: {said}")
        return made

    def _ended(self, made: list[Search], found: Supposition | None) -> None:
        self._searching = False
        tries = sum(one.tried for one in made)
        explained = [one for result in made for one in result.explained]
        if not explained:
            self._found(Text("Everything that can be checked verifies: there is nothing to search for."))
            return
        verified = sum(one.verified for one in explained)
        head = Text(f"{verified} of {len(explained)} explained, {tries:,} attempts.", "bold")
        if found is not None:
            texts = texts_of(found)
            self._form.show(texts)
            self._try(found)
            head.append(" The form has it now; Ctrl+S takes its keys.", "not bold")
        elif not verified:
            head.append(f" Tried: {TRIED}.", "not bold")
        for line in self._lines():
            head.append(f"\n{line}", "not bold")
        self._found(head)

    # Taking over

    def _applied(self, supposed: Supposition) -> KeyRing:
        """The keys of the session with those of a supposition."""
        session = self._app.session
        titles = [m.after.server_title for n in range(len(session.traces)) for m in session.so_far(n)[0][-1:]]
        return applied(session.keys, supposed, next((title for title in titles if title), None))

    def apply(self) -> None:
        """The keys of the form are those of the session from now on."""
        if self._problem:
            self.notify(self._problem, severity="warning", markup=False)
            return
        session, supposed = self._app.session, self.supposed
        session.set_keys(self._applied(supposed))
        self._generation = session.generation
        rest = texts_of(supposed).keys() - {"encryption_key", "authentication_key", "client_title"}
        said = "The keys serve everywhere now"
        if rest:
            said += "; what is supposed of the rest changes nothing in the trace"
        self.notify(said, markup=False, timeout=3)


def _tried(session: Session, supposed: Supposition, stop: Stop) -> list[TrialRow]:
    """The APDUs of all traces under a supposition. Raises StoppedError."""
    made = []
    for index, trace in enumerate(session.traces):
        for trial in islice(tried(session.messages(index, stop), session.keys, supposed), MOST):
            if stop():
                raise StoppedError
            made.append(TrialRow(index, trace.name, trial))
    return made
