"""Rules of sense for checks of items and for what a unit has to bear."""

from __future__ import annotations

from workflow.definition.checking import Checking, Loc
from workflow.definition.model import Stage
from workflow.definition.problem import Said


class ChecksChecking(Checking):
    """Who checks, where a finding sends an item, and which visits and requests are held back."""

    def checks(self) -> None:
        for index, stage in enumerate(self.flow.stages):
            if stage.checked is not None:
                self._checked(("stages", index, "checked"), stage)
            for name, way in stage.exits.items():
                if way.burden is not None and self.flow.burden is None:
                    self.say(
                        "burden-not-stated",
                        ("stages", index, "exits", name, "burden"),
                        "the flow does not say what it asks of a unit, so that nothing can be fixed or held",
                        "本流程未写明对单位的负担(burden),此处无从确定",
                        expected=Said("burden: {kind, at-most, within, ...} at the head", "流程头部写明 burden"),
                        key=True,
                    )
        if self.flow.burden is not None:
            self._burden()

    def _checked(self, loc: Loc, stage: Stage) -> None:
        spec = stage.checked
        assert spec is not None
        for at, who in enumerate(spec.by):
            self.who(who, (*loc, "by", at))
            if who.of == "own":
                self.say(
                    "check-by-own-unit",
                    (*loc, "by", at),
                    f"{who.post} of the own unit would check what the unit itself claims",
                    f"由本单位 {who.post} 抽查本单位所报",
                    expected=Said(
                        f"a unit above, such as {{{who.post}: superior}}", f"上级单位,如 {{{who.post}: superior}}"
                    ),
                )
        if not self.known("exit", spec.back, stage.exits, (*loc, "back")):
            return
        target = next((s for s in self.flow.stages if s.stage == stage.exits[spec.back].to), None)
        rebound = stage.tracking is not None and spec.back == stage.tracking.rebound
        if target is not None and not rebound and (target.due is None or target.due.set_by is None):
            self.say(
                "check-without-date",
                (*loc, "back"),
                f"a finding sends back to {target.stage} with no new date",
                f"查出问题退至 {target.stage},却无新的期限",
                expected=Said(
                    f"due: {{set-by: acceptor}} at {target.stage}", f"{target.stage} 写明 due: {{set-by: acceptor}}"
                ),
            )

    def _burden(self) -> None:
        spec = self.flow.burden
        assert spec is not None
        self.in_days(spec.within, ("burden", "within"))
        material = self.flow.materials.get(spec.material) if spec.material is not None else None
        if spec.material is not None:
            self.known("material", spec.material, self.flow.materials, ("burden", "material"))
        for key, code in (("from", spec.from_), ("until", spec.until)):
            if (code is None) != (spec.material is None):
                self.say(
                    "burden-field",
                    ("burden",),
                    f"{key} and material stand together: the days of a visit stand in one of its papers",
                    f"{key} 与 material 须同写:前往日期写在材料中",
                    expected=Said(
                        "material, from and until; or none of them (a request)", "三者同写,或都不写(索要材料)"
                    ),
                    key=True,
                )
                return
            if (
                code is not None
                and material is not None
                and self.known("field", code, material.fields, ("burden", key))
            ):
                self._is("date", spec.material or "", code, key)
        if spec.persons is not None:
            sheet = self.flow.materials.get(spec.persons.material)
            if self.known("material", spec.persons.material, self.flow.materials, ("burden", "persons", "material")):
                assert sheet is not None
                if self.known("field", spec.persons.field, sheet.fields, ("burden", "persons", "field")):
                    self._is("integer", spec.persons.material, spec.persons.field, "persons", "field")
        if not any(way.burden == "fixed" for s in self.flow.stages for way in s.exits.values()):
            self.say(
                "burden-never-fixed",
                ("burden",),
                "no way out fixes anything: nothing would ever be held back",
                "没有流转去向确定日期(burden: fixed),限制不起作用",
                expected=Said("burden: fixed at an exit", "某一去向写明 burden: fixed"),
                key=True,
            )

    def _is(self, wanted: str, material: str, field: str, *key: str) -> None:
        spec = self.flow.materials[material].fields[field]
        if spec.type != wanted or not spec.required:
            self.say(
                "burden-field",
                ("burden", *key),
                f"{field} of {material} is to be a {wanted} that is always there",
                f"{material} 的 {field} 须为必填的 {wanted}",
                expected=Said(f"{field}: {wanted}"),
                actual=spec.type if spec.required else f"{spec.type}, not required",
            )
