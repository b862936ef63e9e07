"""The histories of items as an event log in XES (IEEE 1849), which process-mining tools read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from xml.sax.saxutils import quoteattr

from workflow import views
from workflow.desk import Desk

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
<extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
<global scope="trace"><string key="concept:name" value=""/></global>
<global scope="event"><string key="concept:name" value=""/><date key="time:timestamp" value="1970-01-01T00:00:00Z"/></global>
<classifier name="activity" keys="concept:name"/>
"""


def log(desk: Desk, items: Iterable[str], at: int) -> Iterator[str]:
    """The log in pieces of text: a trace for each item, an event for each signature by an instant."""
    yield HEAD
    for item in items:
        case, definition = desk.case_of(item)
        yield f"<trace>{_text('concept:name', item)}{_text('flow', definition.name)}{_text('unit', case.unit)}\n"
        for row in views.signatures(desk, item, at):
            if row.at > at:
                continue
            moment = datetime.fromtimestamp(row.at / 1_000_000, UTC).isoformat(timespec="microseconds")
            yield (
                f"<event>{_text('concept:name', f'{row.stage}: {row.kind}')}"
                f'<date key="time:timestamp" value={quoteattr(moment)}/>'
                f"{_text('org:resource', row.person)}{_text('org:role', row.post)}{_text('org:group', row.unit)}"
                f"{_text('lifecycle:transition', 'complete')}{_text('outcome', row.outcome)}"
                f'<boolean key="late" value="{str(row.late).lower()}"/>'
                f'<boolean key="superseded" value="{str(row.superseded).lower()}"/>'
                f'<int key="round" value="{row.round}"/></event>\n'
            )
        yield "</trace>\n"
    yield "</log>\n"


def _text(key: str, value: str) -> str:
    clean = "".join(c for c in value if c >= " ")
    return f"<string key={quoteattr(key)} value={quoteattr(clean)}/>"
