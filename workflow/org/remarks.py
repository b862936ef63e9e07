"""What somebody who imports an organisation should look at although nothing is wrong: posts that no flow knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from workflow.definition.problem import Said, nearest, shown
from workflow.org.model import Org


def strange_posts(imported: Org, known: Collection[str]) -> list[Said]:
    """Posts in the tenures that no flow names, each with the nearest that one does; a slip leaves a post vacant.

    Args:
        known: the posts of the flows; where there are none nothing is strange.
    """
    strange = Counter(t.post for t in imported.tenures if t.post not in known) if known else Counter[str]()
    found = []
    for post, times in sorted(strange.items()):
        hint = nearest(post, known)
        found.append(
            Said(
                f"no flow knows the post {shown(post)} ({times} tenure(s) in tenures.csv). {hint}".strip(),
                f"流程中没有职务 {shown(post)}(tenures.csv 中 {times} 个任期)。{hint.zh}",
            )
        )
    return found


def changes_nothing(imported: Org, stored: Org) -> bool:
    """Whether every row of an import stands in the stored organisation just so."""
    pairs = ((imported.units, stored.units), (imported.parents, stored.parents))
    more = ((imported.persons, stored.persons), (imported.tenures, stored.tenures))
    return all(set(some) <= set(all_) for some, all_ in (*pairs, *more))
