"""A draw is random, kept to its quotas, and the same for whoever draws it again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from workflow import draw
from workflow.cli.main import app

SEED = "5e" * 32
UNITS = {f"u{n:03}": "north" if n % 3 else "south" for n in range(90)}
FRAME = draw.Frame(UNITS, {"north": "10%", "south": "4"}, "2019-09-20")


def by_hand(text: str) -> list[str]:
    """The recipe as its page tells it, with nothing of the module."""
    plain = json.loads(text)
    units, quotas = plain["frame"]["units"], plain["frame"]["quotas"]
    key = b"signoff.draw/1\0" + bytes.fromhex(plain["seed"]) + f"{plain['public']}\0{plain['digest']}".encode()
    before = hashlib.sha256(key).digest()
    out = {u for u, day in plain["frame"]["earlier"] if plain["frame"]["since"] and day >= plain["frame"]["since"]}
    drawn: list[str] = []
    for stratum in sorted(quotas):
        of = [u for u in units if units[u] == stratum]
        quota = quotas[stratum]
        number = -(-len(of) * int(quota[:-1]) // 100) if quota.endswith("%") else int(quota)
        ticket = {u: hashlib.sha256(before + f"{stratum}\0{u}".encode()).digest() for u in of if u not in out}
        drawn += sorted(ticket, key=lambda u: ticket[u])[:number]
    return drawn


def test_a_draw_is_what_its_recipe_says() -> None:
    """Source: S0 「随机抽查」, R118: an auditor repeats it."""
    text = draw.revealed(draw.written(FRAME, draw.commitment(SEED)), SEED, "a lottery result")
    held = draw.verify(text, digest=FRAME.digest, commitment_=draw.commitment(SEED))
    assert list(held.drawn) == by_hand(text) and len(held.drawn) == 6 + 4
    assert sorted(UNITS[u] for u in held.drawn) == ["north"] * 6 + ["south"] * 4
    assert draw.draw(FRAME, SEED, "another") != draw.draw(FRAME, SEED, "a lottery result")


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(st.dictionaries(NAMES, st.sampled_from("ab"), min_size=1), st.integers(1, 9), st.randoms())
@settings(max_examples=50)
def test_quotas_hold_and_the_order_of_the_register_says_nothing(units: dict[str, str], n: int, random: object) -> None:
    quotas = dict.fromkeys(set(units.values()), str(n))
    mixed = list(units)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    frame, other = (
        draw.Frame(units, quotas, "2019-09-20"),
        draw.Frame({u: units[u] for u in mixed}, quotas, "2019-09-20"),
    )
    drawn = draw.draw(frame, SEED)
    assert drawn == draw.draw(other, SEED) and len(set(drawn)) == len(drawn)
    for stratum in quotas:
        assert sum(units[u] == stratum for u in drawn) == min(n, list(units.values()).count(stratum))


def test_who_was_drawn_lately_stays_out_until_the_window_is_over() -> None:
    first = draw.draw(FRAME, SEED)
    earlier = tuple((u, "2019-09-20") for u in first)
    inside = draw.Frame(UNITS, FRAME.quotas, "2019-11-20", "2019-06-01", earlier)
    assert not set(draw.draw(inside, SEED)) & set(first)
    after = draw.Frame(UNITS, FRAME.quotas, "2020-11-20", "2020-06-01", earlier)
    assert any(set(draw.draw(after, f"{n:064x}")) & set(first) for n in range(20))
    few = draw.Frame({"a": "x", "b": "x"}, {"x": "2"}, "2019-11-20", "2019-06-01", (("a", "2019-09-20"),))
    text = draw.revealed(draw.written(few, draw.commitment(SEED)), SEED)
    assert (draw.verify(text).drawn, draw.verify(text).short) == (("b",), ("x",))


def test_every_unit_is_drawn_about_as_often() -> None:
    frame = draw.Frame({str(n): "x" for n in range(20)}, {"x": "5"}, "2019-09-20")
    times = dict.fromkeys(frame.units, 0)
    for n in range(800):
        for unit in draw.draw(frame, f"{n:064x}"):
            times[unit] += 1
    assert all(150 <= t <= 250 for t in times.values()), times  # 200 expected; six standard deviations are 73


def test_whatever_is_changed_in_a_file_is_found() -> None:
    text = draw.revealed(draw.written(FRAME, draw.commitment(SEED)), SEED, "p")
    plain = json.loads(text)
    changes = [("seed", "5f" * 32), ("public", "q"), ("drawn", plain["drawn"][::-1]), ("drawn", plain["drawn"][1:])]
    changes += [("commitment", "0" * 64), ("digest", "sha256:" + "0" * 64), ("format", "x"), ("seed", 5), ("frame", [])]
    for name, value in changes:
        with pytest.raises(draw.BadDraw):
            draw.verify(json.dumps({**plain, name: value}))
    plain["frame"]["units"]["u001"] = "south"
    with pytest.raises(draw.BadDraw):
        draw.verify(json.dumps(plain))
    for junk in ("", "[]", "null", "{}", "[" * 100_000):
        with pytest.raises(draw.BadDraw):
            draw.verify(junk)
    with pytest.raises(draw.BadDraw, match="not revealed"):
        draw.verify(draw.written(FRAME, draw.commitment(SEED)))
    other = draw.Frame(UNITS, FRAME.quotas, "2019-09-21")
    with pytest.raises(draw.BadDraw, match="than the one published"):
        draw.verify(text, digest=other.digest)


@pytest.mark.parametrize("quotas", [{"east": "1"}, {"north": "0"}, {"north": "x"}, {"north": "-1"}, {"north": "1.5"}])
def test_a_frame_that_makes_no_sense_is_refused(quotas: dict[str, str]) -> None:
    with pytest.raises(draw.BadDraw):
        draw.Frame(UNITS, quotas, "2019-09-20")


def test_the_command_freezes_draws_and_verifies(tmp_path: Path) -> None:
    run = CliRunner().invoke
    csv, file, seed = tmp_path / "r.csv", tmp_path / "draw.json", tmp_path / "seed"
    csv.write_text("unit,stratum\n" + "".join(f"{u},{s}\n" for u, s in UNITS.items()), encoding="utf-8")
    frozen = [
        "draw",
        "freeze",
        str(csv),
        "--quota",
        "north=5",
        "--on",
        "2019-09-20",
        "--out",
        str(file),
        "--seed",
        str(seed),
    ]
    done = run(app, frozen)
    assert done.exit_code == 0, done.output
    commitment = done.output.splitlines()[1].partition(": ")[2]
    assert seed.stat().st_mode & 0o077 == 0 and seed.read_text().strip() not in file.read_text()
    assert run(app, frozen).exit_code == 1  # nothing is overwritten
    assert run(app, ["draw", "verify", str(file), "--lang", "en"]).exit_code == 1
    assert run(app, ["draw", "reveal", str(file), "--seed", str(csv)]).exit_code == 1
    told = run(app, ["draw", "reveal", str(file), "--seed", str(seed), "--public", "02 11 17"])
    assert told.exit_code == 0 and len(told.output.split()) == 5
    held = run(app, ["draw", "verify", str(file), "--commitment", commitment, "--lang", "zh"])
    assert held.exit_code == 0 and "抽取结果成立" in held.output
    assert run(app, ["draw", "verify", str(file), "--commitment", "0" * 64]).exit_code == 1
    assert run(app, ["draw", "verify", str(tmp_path / "none")]).exit_code == 2
