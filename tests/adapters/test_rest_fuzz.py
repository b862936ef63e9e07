"""Whatever is sent to the API, within its description or not: an answer that it describes, and never a failure of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from tests.contract.world import make_world
from workflow_adapters.rest import rest
from workflow_adapters.rest.describing import described
from workflow_adapters.web import Identity

OPERATIONS = [(m, p) for p, methods in described("")["paths"].items() for m in methods]


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
