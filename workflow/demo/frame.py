"""The frame of the demonstration: the days, the flows and the shares that its people behave by."""

from __future__ import annotations

from datetime import date, timedelta

from workflow.clock import start_of_day

ZONE = "Asia/Shanghai"
CAMPAIGN = "rectification-2019"
REPORT, RECTIFY, CRITICISM = "investigation-report", "organisation-rectification", "circulated-criticism"
TALK, MEASURES = "admonitory-talk", "organisational-measures"
SHEET, PAPERS = "mass-tally", "mass-papers"  # of a mass evaluation
FIRST, LAST = date(2019, 8, 20), date(2020, 12, 31)
COUNTED = start_of_day(date(2019, 9, 1), ZONE)
END = start_of_day(LAST + timedelta(days=1), ZONE)
ADOPTED = date(2019, 9, 26)
CORRECTED, CHECKED = date(2019, 9, 10), date(2019, 9, 26)  # a unit corrects its own zero; an unannounced check
DECIDED = ("closed", "not-held", "withdrawn", "applied", "not-applied")  # where a proposal ends: people decided it
REPORT_BY = {  # level -> the day on which its reports are expected to have gone up, well before the node
    "organisation": date(2019, 8, 23),
    "third": date(2019, 8, 27),
    "second": date(2019, 8, 29),
    "group": date(2019, 8, 30),
}
BACKED = frozenset({"handler", "secretary", "scrutineer"})  # posts for which the direct superior answers (兜底)
NEW_DATE = "2019-11-29"  # by when the one failed evaluation is to be made good (限期整改)
RETURNED = 0.04  # share of papers that a superior's department returns once (层层把关)
ACTS = 8_500  # about how many acts a run has; only the progress bar asks
LATE = 0.05  # share of stages that are finished a little after their date


def report_of(unit: str) -> str:
    """The id of a unit's report."""
    return f"report-{unit}"
