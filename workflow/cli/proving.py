"""``workflow prove``: explore every state of one item of a flow, and show that the claims hold or how they break."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import Lang, say, told

if TYPE_CHECKING:
    from workflow.definition.definition import Definition
    from workflow.errors import Language
    from workflow.prover.proof import Proof


def register(app: typer.Typer) -> None:
    app.command()(prove)


def prove(
    flow: Annotated[
        str, typer.Argument(metavar="FLOW", help="A flow file, or the name of a shipped one · 流程文件或名称")
    ],
    org: Annotated[
        Path | None, typer.Option("--org", help="A folder as for `org import`; invented without one · 组织数据目录")
    ] = None,
    unit: Annotated[list[str] | None, typer.Option("--unit", help="Items about this unit · 仅此单位")] = None,
    level: Annotated[str, typer.Option("--level", help="Items about units of this level; the lowest · 层级")] = "",
    require: Annotated[
        list[str] | None, typer.Option("--require", help="A level that must have signed · 必须签字的层级")
    ] = None,
    max_states: Annotated[int, typer.Option("--max-states", min=1, help="Stop there, unproved · 状态数上限")] = 200_000,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """Explore every state of one item by the real rules; prove the claims or show a shortest counter-example · 穷尽验证流程

    Exit code 0: proved within the bounds it prints. 1: refuted. 2: a bound was reached, or it could not be read.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.cli.flows import beside, calendar_of, flow_of
        from workflow.org.importing import read_org
        from workflow.prover.proof import prove as proved

        definition, path = flow_of(flow)
        proof = proved(
            definition,
            calendar_of(definition, path),
            read_org(org) if org is not None else None,
            units=tuple(unit or ()),
            level=level,
            require=tuple(_levels(definition, require or [])),
            others=beside(path),
            at_most=max_states,
        )
    if as_json:
        say(json.dumps(_data(proof), ensure_ascii=False, indent=2))
    else:
        _tell(proof, language, invented=org is None)
    raise typer.Exit(proof.exit_code)


def _levels(definition: Definition, wanted: list[str]) -> list[str]:
    from workflow.errors import Unknown, among

    for name in wanted:
        if name not in definition.flow.levels:
            raise Unknown(kind="level", name=name, hint=among(definition.flow.levels))
    return wanted


def _tell(proof: Proof, lang: Language, *, invented: bool) -> None:
    from workflow.prover.proof import CLAIMS

    zh = lang == "zh"
    for claim, said in CLAIMS.items():
        found = proof.of(claim)
        word = ("不成立" if zh else "REFUTED") if found else ("成立" if zh else "proved") if proof.whole else "?"
        say(f"{word:<8} {said.get(lang)}")
        for counter in found:
            say(f"         {counter.why.get(lang)}")
            for n, step in enumerate(counter.way, start=1):
                say(f"         {n:>3}. {step}")
    flow, units = proof.definition, ", ".join(f"{u} (x{n})" if n > 1 else u for u, n in proof.units)
    levels = ", ".join(proof.required) or ("至少一人" if zh else "anybody")
    if zh:
        say(f"{flow.name}@{flow.version}:状态 {proof.states} 个,判定 {proof.decisions} 次,{proof.seconds:.1f} 秒")
        say(f"范围:单位 {units}({'虚构组织' if invented else '所给组织'},同类单位取其一);应签层级:{levels}")
        say(
            f"界限:每单位至多 {proof.at_most} 个状态{'' if proof.whole else '(已达上限,未能证明)'};轮次不限(状态复现即止);"
            "清单一行;下级上报视为已毕;不含撤回、加签、转办、延期、中止计时与组织变动"
        )
    else:
        say(f"{flow.name}@{flow.version}: {proof.states} states, {proof.decisions} decisions, {proof.seconds:.1f} s")
        say(
            f"scope: units {units} of {'an invented' if invented else 'the given'} organisation, one of each kind; required: {levels}"
        )
        say(
            f"bounds: {proof.at_most} states a unit{'' if proof.whole else ' (reached: not proved)'}; any number of rounds, as "
            "states recur; lists of one line; reports of children counted as in; no withdrawing, adding signers, handing "
            "over, extending, pausing or change of the organisation"
        )


def _data(proof: Proof) -> dict[str, Any]:
    from workflow.prover.proof import CLAIMS

    return {
        "flow": proof.definition.name,
        "version": proof.definition.version,
        "states": proof.states,
        "decisions": proof.decisions,
        "seconds": round(proof.seconds, 3),
        "units": dict(proof.units),
        "required": list(proof.required),
        "max-states": proof.at_most,
        "whole": proof.whole,
        "claims": {
            claim: {
                "holds": proof.whole and not proof.of(claim),
                "counter-examples": [
                    {"unit": c.unit, "en": str(c.why), "zh": c.why.zh, "way": list(c.way)} for c in proof.of(claim)
                ],
            }
            for claim in CLAIMS
        },
    }
