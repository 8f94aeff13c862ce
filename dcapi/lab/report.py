"""What somebody who watches the lab sees: each scenario, each of its steps with its result as it happens."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.markup import escape

# Called with what is going on within a step, such as how many members are done.
Note = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """How a scenario or one of its steps ended; ``error`` is None when it passed."""

    title: str
    seconds: float
    error: BaseException | None = None


class Report:
    """Times steps and scenarios and keeps the scenarios' results. This one shows plain lines."""

    def __init__(self, file: TextIO | None = None) -> None:
        self.results: list[Result] = []
        self._file = file

    @contextlib.contextmanager
    def scenario(self, title: str) -> Iterator[None]:
        """Report a scenario; an error in it is kept as its result and ends it, not the report."""
        self.begin_scenario(title)
        started = time.monotonic()
        error: Exception | None = None
        try:
            yield
        except Exception as raised:  # noqa: BLE001 (whatever it was, the other scenarios are still to be tried)
            error = raised
        self.results.append(Result(title, time.monotonic() - started, error))

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Note]:
        """Report a step; an error in it goes on to the caller."""
        started = time.monotonic()
        try:
            with self.running(title) as note:
                yield note
        except BaseException as error:
            self.show_step(Result(title, time.monotonic() - started, error))
            raise
        self.show_step(Result(title, time.monotonic() - started))

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if result.error is not None]

    def summary(self) -> None:
        """Show every scenario again with its result and time."""
        self.line("")
        for result in self.results:
            self.line(f"{_word(result)} {result.seconds:7.2f} s  {result.title}")
        total = sum(result.seconds for result in self.results)
        self.line(f"{len(self.results) - len(self.failed)} of {len(self.results)} passed in {total:.1f} s")

    # -- How it looks --

    def line(self, text: str) -> None:
        print(text, file=self._file or sys.stdout, flush=True)

    def begin_scenario(self, title: str) -> None:
        self.line(f"\n{title}")

    def running(self, title: str) -> AbstractContextManager[Note]:
        """What is shown while a step goes on: plain lines say nothing before its end."""
        del title
        return contextlib.nullcontext(lambda _: None)

    def show_step(self, result: Result) -> None:
        self.line(f"  {_word(result)} {result.seconds:7.2f} s  {result.title}")
        if result.error is not None:
            self.line(_indented(result.error))


class TerminalReport(Report):
    """The same in colour, with a line that moves while a step goes on."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def line(self, text: str) -> None:
        # Soft: a line that is to be copied is not cut at the width of the terminal.
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def begin_scenario(self, title: str) -> None:
        self._console.print(f"\n[bold]{escape(title)}[/bold]", highlight=False)

    @contextlib.contextmanager
    def running(self, title: str) -> Iterator[Note]:
        with self._console.status(escape(title)) as status:
            yield lambda text: status.update(f"{escape(title)} [dim]{escape(text)}[/dim]")

    def show_step(self, result: Result) -> None:
        mark = "[red]✗[/red]" if result.error else "[green]✓[/green]"
        shown = f"  {mark} [dim]{result.seconds:7.2f} s[/dim]  {escape(result.title)}"
        self._console.print(shown, highlight=False, soft_wrap=True)
        if result.error is not None:
            self._console.print(
                _indented(result.error), style="red", markup=False, highlight=False, soft_wrap=True
            )


def report_for(file: TextIO) -> Report:
    """A report in colour for a terminal, in plain lines for everything else."""
    return TerminalReport(Console(file=file)) if file.isatty() else Report(file)


def _word(result: Result) -> str:
    return "FAIL" if result.error else "ok  "


def _indented(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}"
    return "\n".join(f"      {line}" for line in text.splitlines())
