"""A sample drawn at random from a frozen register, so that anybody can draw it again. Source: S0 「随机抽查」, R118.

In order: the register and the quotas are frozen under a digest; a secret seed is bound by its hash (the commitment); only
then a public value comes that nobody could foresee (a lottery result, the hash of the entry that recorded the
commitment); the seed is revealed. Each unit's ticket is

    key    = SHA-256("signoff.draw/1" 00 seed public 00 register-digest)
    ticket = SHA-256(key stratum 00 unit)

with the seed's 32 bytes and all else in UTF-8, and the lowest tickets of each stratum are drawn, as many as its quota.
Units drawn lately stay out. This module uses nothing but the standard library: with the file of a draw it is all an
auditor needs.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

FORMAT = "signoff.draw/1"
_COMMIT = b"signoff.draw.seed/1\0"
_PART = re.compile(r"([1-9]\d{0,6})(%?)", re.ASCII)
_SEED = re.compile(r"[0-9a-f]{64}")


class BadDraw(ValueError):
    """A draw that does not hold, or cannot be made: ``reasons`` in English, ``zh`` in Chinese, in the same order."""

    def __init__(self, *reasons: tuple[str, str]) -> None:
        super().__init__("; ".join(en for en, _ in reasons))
        self.zh = ";".join(zh for _, zh in reasons)

    def text(self, lang: str) -> str:
        return self.zh if lang == "zh" else str(self)


@dataclass(frozen=True)
class Frame:
    """What is fixed before anybody knows the seed.

    Attributes:
        units: unit -> stratum, the whole register.
        quotas: stratum -> how many, a number or a share rounded up ("10%"). A stratum without one is not drawn from.
        on: the day of the draw, YYYY-MM-DD.
        since: units drawn on or after this day stay out; none stay out where it is empty.
        earlier: (unit, day) of earlier draws.
    """

    units: Mapping[str, str]
    quotas: Mapping[str, str]
    on: str
    since: str = ""
    earlier: tuple[tuple[str, str], ...] = ()
    digest: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        wrong = [s for s, q in self.quotas.items() if not _PART.fullmatch(str(q))]
        unknown = sorted(set(self.quotas) - set(self.units.values()))
        days = [d for d in (self.on, self.since, *(d for _, d in self.earlier)) if d and not _is_day(d)]
        if (
            wrong
            or unknown
            or days
            or not self.units
            or not self.on
            or any("\0" in u + s for u, s in self.units.items())
        ):
            what = f"quotas {wrong}, strata {unknown}, days {days}, {len(self.units)} units"
            raise BadDraw(
                (
                    f"expected units, a day, and quotas such as 5 or 10% of strata in the register; got {what}",
                    f"须有名册、日期及名册所含各层的名额(如 5 或 10%);实为 {what}",
                )
            )
        object.__setattr__(self, "digest", _digest(self.plain()))

    def plain(self) -> dict[str, Any]:
        """The frame as it stands in the file."""
        return {
            "units": dict(sorted(self.units.items())),
            "quotas": {s: str(q) for s, q in sorted(self.quotas.items())},
            "on": self.on,
            "since": self.since,
            "earlier": sorted([u, d] for u, d in self.earlier),
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Frame:
        earlier = tuple((str(u), str(d)) for u, d in plain["earlier"])
        return cls(plain["units"], plain["quotas"], plain["on"], plain["since"], earlier)


def new_seed() -> str:
    """32 random bytes as hex, to be kept secret until the commitment and the public value are known."""
    return secrets.token_hex(32)


def commitment(seed: str) -> str:
    """What binds a seed without telling it."""
    return hashlib.sha256(_COMMIT + bytes.fromhex(seed)).hexdigest()


def draw(frame: Frame, seed: str, public: str = "") -> list[str]:
    """The units drawn, by stratum and then by ticket, lowest first.

    Args:
        public: a value that became known only after the commitment. Without one, whoever chose the seed could have tried
            others until the sample suited.
    """
    out = {u for u, day in frame.earlier if frame.since and day >= frame.since}
    sha256 = hashlib.sha256
    key = sha256(f"{FORMAT}\0".encode() + bytes.fromhex(seed) + f"{public}\0{frame.digest}".encode()).digest()
    strata: dict[str, list[str]] = {stratum: [] for stratum in sorted(frame.quotas)}
    for unit, stratum in frame.units.items():
        if stratum in strata:
            strata[stratum].append(unit)
    drawn: list[str] = []
    for stratum, units in strata.items():
        before = key + f"{stratum}\0".encode()
        tickets = {sha256(before + unit.encode()).digest(): unit for unit in units if unit not in out}
        drawn += [tickets[t] for t in sorted(tickets)[: _number(str(frame.quotas[stratum]), len(units))]]
    return drawn


def written(frame: Frame, commitment_: str, *, seed: str = "", public: str = "", drawn: Iterable[str] = ()) -> str:
    """The file of a draw; before the seed is revealed without seed, public value and sample."""
    plain: dict[str, Any] = {
        "format": FORMAT,
        "frame": frame.plain(),
        "digest": frame.digest,
        "commitment": commitment_,
    }
    if seed:
        plain |= {"seed": seed, "public": public, "drawn": list(drawn)}
    return json.dumps(plain, ensure_ascii=False, indent=1) + "\n"


def revealed(text: str, seed: str, public: str = "") -> str:
    """The file with its seed, its public value and what they draw.

    Raises:
        BadDraw: the seed is not the one committed to, or the file is no draw.
    """
    plain = _read(text)
    frame = _frame(plain)
    if not _SEED.fullmatch(seed) or commitment(seed) != plain["commitment"]:
        raise BadDraw(("the seed is not the one that was committed to", "种子与事先承诺的不符"))
    return written(frame, plain["commitment"], seed=seed, public=public, drawn=draw(frame, seed, public))


@dataclass(frozen=True)
class Verified:
    """What a file was found to say. ``short``: strata with fewer units left than their quota."""

    drawn: tuple[str, ...]
    units: int
    digest: str
    commitment: str
    public: str
    short: tuple[str, ...]


def verify(text: str, *, digest: str = "", commitment_: str = "") -> Verified:
    """Draw again what a file says was drawn.

    Args:
        digest, commitment_: as they were published before the draw, from elsewhere than the file.

    Raises:
        BadDraw: each thing that does not hold.
    """
    plain = _read(text)
    frame, reasons = _frame(plain), []
    seed = plain.get("seed", "")
    if not isinstance(seed, str) or not _SEED.fullmatch(seed):
        raise BadDraw(("the seed is not revealed yet", "种子尚未公开"))
    again = draw(frame, seed, str(plain.get("public", "")))
    if commitment(seed) != plain["commitment"]:
        reasons.append(("the seed is not the one that was committed to", "种子与事先承诺的不符"))
    if again != plain.get("drawn"):
        reasons.append(("the sample is not what the seed draws", "抽取结果与种子不符"))
    for name, zh, told, held in (
        ("register", "名册", digest, frame.digest),
        ("commitment", "承诺", commitment_, plain["commitment"]),
    ):
        if told and told != held:
            reasons.append(
                (f"another {name} than the one published: expected {told}; got {held}", f"{zh}与公布的不符:{held}")
            )
    if reasons:
        raise BadDraw(*reasons)
    got: dict[str, int] = {}
    for unit in again:
        got[frame.units[unit]] = got.get(frame.units[unit], 0) + 1
    sizes: dict[str, int] = {}
    for stratum in frame.units.values():
        sizes[stratum] = sizes.get(stratum, 0) + 1
    short = tuple(s for s, q in sorted(frame.quotas.items()) if got.get(s, 0) < _number(str(q), sizes[s]))
    return Verified(
        tuple(again), len(frame.units), frame.digest, plain["commitment"], str(plain.get("public", "")), short
    )


def frame_of(text: str) -> Frame:
    """What a file froze.

    Raises:
        BadDraw: it is no draw, or its register is not the one its digest names.
    """
    return _frame(_read(text))


def _number(quota: str, whole: int) -> int:
    found = _PART.fullmatch(quota)
    assert found is not None  # looked at when the frame was made
    return -(-whole * int(found[1]) // 100) if found[2] else int(found[1])


def _read(text: str) -> dict[str, Any]:
    try:
        plain = json.loads(text)
        if plain["format"] != FORMAT or not isinstance(plain["commitment"], str):
            raise ValueError
    except (ValueError, LookupError, TypeError, RecursionError):
        raise BadDraw((f"expected the file of a draw ({FORMAT}); got something else", "不是抽签文件")) from None
    return dict(plain)


def _frame(plain: Mapping[str, Any]) -> Frame:
    try:
        frame = Frame.of(plain["frame"])
    except BadDraw:
        raise
    except (ValueError, LookupError, TypeError, AttributeError):
        raise BadDraw(("the register of the draw cannot be read", "抽签名册无法读取")) from None
    if frame.digest != plain.get("digest"):
        raise BadDraw(("the register is not the one its digest names", "名册与其摘要不符"))
    return frame


def _digest(plain: Any) -> str:
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
