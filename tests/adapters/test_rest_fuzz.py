"""Whatever is sent to the API, within its description or not: an answer that it describes, and never a failure of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from tests.contract.world import make_world
from workflow_adapters.rest import rest
from workflow_adapters.web import Identity


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    folder = tmp_path_factory.mktemp("fuzz")
    world = make_world(f"sqlite:///{folder / 'workflow.db'}", folder / "home")
    world.begin("m-1")
    app = rest(world.engine, lambda _: Identity("o1-handler"))
    yield schemathesis.openapi.from_asgi("/openapi.json", app)
    world.engine.close()


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_is_described(case: schemathesis.Case) -> None:
    case.call_and_validate(excluded_checks=[schemathesis.checks.CHECKS.get_one("unsupported_method")])
