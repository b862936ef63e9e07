"""A definition in force: the frozen flow, its canonical bytes, and the digest that items and signatures pin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from workflow.definition.model import Chain, Flow, NodeSet, Returning, Stage, Step
from workflow.errors import Said, Unknown
from workflow.evidence import canonical
from workflow.evidence.digest import digest

_KINDS = frozenset({"prepare", "review", "seal"})  # what a post may do that is a kind of place in a chain by itself


@dataclass(frozen=True, eq=False)
class Definition:
    """One version of a flow. Two files that mean the same have the same digest, whatever their comments and layout."""

    flow: Flow
    body: bytes
    digest: str

    @classmethod
    def of(cls, flow: Flow) -> Definition:
        body = canonical.encode(flow.canonical())
        return cls(flow, body, digest(body))

    @classmethod
    def from_body(cls, body: bytes) -> Definition:
        """Read a published definition back from its exact bytes."""
        return cls(Flow.model_validate(canonical.decode(body)), body, digest(body))

    @property
    def name(self) -> str:
        return self.flow.flow

    @property
    def version(self) -> str:
        return self.flow.version

    @cached_property
    def stages(self) -> dict[str, Stage]:
        return {s.stage: s for s in self.flow.stages}

    @cached_property
    def first(self) -> Stage:
        return self.flow.stages[0]

    @property
    def layout(self) -> dict[str, list[str]]:
        """Each material and its fields in the order in which the file names them. Canonical bytes know no order, so that of
        a definition read back from them is that of the alphabet."""
        return {name: list(material.fields) for name, material in self.flow.materials.items()}

    def stage(self, name: str) -> Stage:
        try:
            return self.stages[name]
        except KeyError:
            raise Unknown(
                kind="stage", name=name, hint=Said(*[f"{w}{self.name}@{self.version}" for w in (" in ", ",流程版本 ")])
            ) from None

    @cached_property
    def apart_over_items(self) -> frozenset[str]:
        """The posts that are kept apart over whole items, in whichever stage the definition says so."""
        rules = [r for chain in self._chains.values() for r in chain.apart if r.over == "item"]
        return frozenset(post for r in rules for post in r.posts)

    def chain_of(self, stage: Stage) -> Chain:
        """The chain of a stage; a stage that lists slots has a chain of just these."""
        return self._chains[stage.stage]

    @cached_property
    def _chains(self) -> dict[str, Chain]:
        return {
            s.stage: self.flow.chains[s.chain]
            if s.chain is not None
            else Chain.model_construct(steps=s.slots, two_persons=s.two_persons, apart=s.apart, return_=Returning())
            for s in self.flow.stages
        }

    def kind_of(self, step: Step) -> str:
        """What a place in a chain asks for: as written, or by what its post may do."""
        if step.kind is not None:
            return step.kind
        may = self.flow.posts[step.post].may if step.post is not None else ""
        return may if may in _KINDS else "sign"

    def node_set(self, name: str) -> NodeSet:
        return self.flow.nodes[name]

    def place(self, *path: str | int) -> str:
        """Where in the definition a rule stands, for refusals: ``flow@version: stages.plan.chain``."""
        return self._title + ".".join(map(str, path))

    @cached_property
    def _title(self) -> str:
        return f"{self.name}@{self.version}: "
