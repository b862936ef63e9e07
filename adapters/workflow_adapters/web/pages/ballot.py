"""Voting with a one-time code. Nobody is asked who they are, so the server has nothing to link a paper to.

The code goes in the body of a form, never in an address. No cookie is read or set here, and nothing is logged by us; a
proxy in front that logs addresses and moments should leave ``/ballot`` out. Source: R134, R215.
"""

from __future__ import annotations

from starlette.responses import Response

from workflow import voting
from workflow.errors import BallotRefused, Unknown, WorkflowError
from workflow_adapters import titles
from workflow_adapters.web.visit import Visit

WORDS = {  # of the choices that evaluations have, for a flow that gives them no titles
    "aware": ("知晓", "aware"),
    "unaware": ("不知晓", "not aware"),
    "heard": ("知晓", "heard of it"),
    "unheard": ("不知晓", "not heard of it"),
    "satisfied": ("满意", "satisfied"),
    "fairly": ("基本满意", "fairly satisfied"),
    "dissatisfied": ("不满意", "dissatisfied"),
}


def begin(visit: Visit) -> Response:
    """Where a code is typed in."""
    return _begin(visit)


def _begin(visit: Visit, refused: str = "", *, cast_: bool = False) -> Response:
    return visit.page(
        "ballot.html",
        status=409 if refused else 200,
        paper=None,
        item=visit.form.get("item", "") or visit.query.get("item", ""),
        code="",
        refused=refused,
        cast=cast_,
        writes=visit.console.writes,
    )


def paper(visit: Visit) -> Response:
    """The questions, for whoever has a code that was not used yet."""
    return _paper(visit)


def _paper(visit: Visit, refused: str = "") -> Response:
    item, code = visit.form.get("item", "").strip(), visit.form.get("code", "").strip()
    try:
        with visit.console.engine.look() as desk:
            found = voting.paper(desk, item, code)
            about = desk.organisation().names([found.case.unit]).get(found.case.unit, {})
    except (Unknown, BallotRefused) as error:
        return _begin(visit, _why_not(visit, error))
    if not found.secret:
        return _begin(
            visit,
            visit.say(
                "此项为记名投票,不在本页办理,请按会议安排投票。",
                "This vote is by name and is not held on this page; vote as the meeting arranges.",
            ),
        )
    fields = found.definition.flow.materials[_box(found)].fields
    questions = []
    for name, choices in found.questions.items():
        said = [(c, _choice(visit, found, c)) for c in choices]
        questions.append((name, titles.field(found.definition, name, fields[name], visit.lang), said))
    return visit.page(
        "ballot.html",
        status=409 if refused else 200,
        paper=questions,
        title=found.definition.flow.title.get(visit.lang),
        about=about.get(visit.lang, found.case.unit),
        item=item,
        code=code,
        chosen=visit.form,
        refused=refused,
        cast=False,
        writes=visit.console.writes,
    )


def _choice(visit: Visit, found: voting.Paper, code: str) -> str:
    """A choice as the flow calls it; those that every evaluation has are known here where it does not."""
    said = titles.code(found.definition, code, visit.lang)
    return visit.say(*WORDS[code]) if said == code and code in WORDS else said


def cast(visit: Visit) -> Response:
    """The paper goes into the box; no receipt is given, which would show somebody else how one voted."""
    item, code = visit.form.get("item", "").strip(), visit.form.get("code", "").strip()
    if not visit.console.writes:
        return _begin(visit, visit.say("本页面只供查看,不能投票。", "These pages only show; no vote can be cast here."))
    answers = {k.removeprefix("q."): v for k, v in visit.form.items() if k.startswith("q.") and v}
    try:
        with visit.console.engine.look() as desk:
            secret = voting.paper(desk, item, code).secret
        if not secret:
            return _paper(visit)
        visit.console.engine.cast(item, code, answers)
    except (Unknown, BallotRefused) as error:
        return _begin(visit, _why_not(visit, error))
    except WorkflowError as error:
        return _paper(visit, error.text(visit.lang))
    return visit.page("ballot.html", paper=None, item="", code="", refused="", cast=True, writes=visit.console.writes)


def _why_not(visit: Visit, error: WorkflowError) -> str:
    """The same for a number that is no vote and for a code that is not good: neither tells what else there is."""
    if isinstance(error, BallotRefused) and error.actual == "used":
        return visit.say("此选票码已投过票,每码一票。", "This code was used already; a code is one paper.")
    if isinstance(error, BallotRefused) and error.actual in ("it is over", "it was counted"):
        return visit.say("投票已结束。", "The vote is over.")
    return visit.say(
        "没有可用此码投票的事项。请核对票面上的编号和选票码。",
        "No vote takes this code. Compare the number and the code with what you were given.",
    )


def _box(found: voting.Paper) -> str:
    tally = found.definition.stage(found.case.stage).tally
    assert tally is not None and tally.ballot is not None  # else there were no paper
    return tally.ballot.box
