"""How far a run has come: a bar with the simulated date on a terminal, a plain line a month elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from workflow.clock import local_day
from workflow.demo.frame import ACTS, END, FIRST, ZONE
from workflow.demo.run import Steps
from workflow.demo.tables import Paper


@contextmanager
def shown_progress(paper: Paper, quiet: bool) -> Iterator[Steps]:
    """The steps of a run, shown on the paper's console while it lasts; ``quiet`` shows nothing."""
    if quiet:
        yield Steps()
    elif paper.console.is_terminal:
        with _bar(paper) as steps:
            yield steps
    else:
        yield _plain(paper)


@contextmanager
def _bar(paper: Paper) -> Iterator[Steps]:
    columns = (TextColumn("{task.description}"), BarColumn(40), TaskProgressColumn(), TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=paper.console, transient=True) as progress:
        running = progress.add_task(FIRST.isoformat(), total=ACTS, note="")
        checking = progress.add_task(paper.say("验证", "verifying"), total=None, note="", visible=False)

        def acted(at: int, acts: int) -> None:
            note = paper.say(f"办理 {acts:,} 次", f"{acts:,} acts")
            day = local_day(min(at, END - 1), ZONE).isoformat()
            progress.update(running, completed=min(acts, ACTS), description=day, note=note)

        def verified(done: int, total: int) -> None:
            note = paper.say(f"{done:,} / {total:,} 条", f"{done:,} of {total:,} entries")
            progress.update(checking, completed=done, total=total, note=note, visible=True)

        yield Steps(acted, verified)


def _plain(paper: Paper) -> Steps:
    said: set[str] = set()

    def acted(at: int, acts: int) -> None:
        month = local_day(min(at, END - 1), ZONE).isoformat()[:7]
        if month not in said:
            said.add(month)
            paper.line(f"{month} … 已办理 {acts:,} 次", f"{month} ... {acts:,} acts so far")

    return Steps(acted)
