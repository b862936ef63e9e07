"""Whatever is sent to the API, within its description or not: an answer that it describes, and never a failure of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.contract.world import make_world
from workflow_adapters.rest import rest
from workflow_adapters.rest.describing import described
from workflow_adapters.web import Identity

MANY = "/v1/foresee"  # takes the bodies of other paths in a list: making these from their schema takes minutes
OPERATIONS = [(m, p) for p, methods in described("")["paths"].items() for m in methods if p != MANY]


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("fuzz")
    world = make_world(f"sqlite:///{folder / 'workflow.db'}", folder / "home")
    world.begin("m-1")
    app = rest(world.engine, lambda _: Identity("o1-handler"))
    yield schemathesis.openapi.from_asgi("/openapi.json", app)
    world.engine.close()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_one_that_is_described(schema: Any, method: str, path: str) -> None:
    @given(case=schema[path][method.upper()].as_strategy())
    @settings(max_examples=6, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def one(case: Any) -> None:
        answer = case.call()
        assert answer.status_code < 500, answer.text
        case.validate_response(answer)

    one()


TEXTS = st.sampled_from(
    ["", "m-1", "m-2", "o1", "handler", "sign", "open", "matter", "found", "sha256:" + "0" * 64, "\u6574\u6539"]
)
KEYS = st.sampled_from(
    ["verb", "item", "as", "seen", "opinion", "outcome", "due", "flow", "unit", "fields", "slot", "minutes", "x"]
)
VALUES = TEXTS | st.none() | st.integers() | st.dictionaries(st.sampled_from(["post", "unit", "x"]), TEXTS)
ACTS = st.fixed_dictionaries(
    {
        "verb": st.sampled_from(["open", "sign", "decide", "accept", "send_back", "close_out", "look_back", "urge"]),
        "item": TEXTS,
    },
    optional={
        "as": st.just({"post": "handler", "unit": "o1"}),
        "seen": TEXTS,
        "flow": TEXTS,
        "unit": TEXTS,
        "reason": TEXTS,
        "minutes": TEXTS,
    },
)


@given(acts=st.lists(ACTS | st.dictionaries(KEYS, VALUES), max_size=4))
@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_every_answer_to_a_dry_run_is_one_that_is_described(schema: Any, acts: list[Any]) -> None:
    case = schema[MANY]["POST"].Case(body={"acts": acts}, media_type="application/json")
    answer = case.call()
    assert answer.status_code in (200, 422), answer.text
    case.validate_response(answer, excluded_checks=[positive_data_acceptance, negative_data_rejection])
    assert answer.status_code == 422 or [one["item"] for one in answer.json()["acts"]] == [one["item"] for one in acts]
