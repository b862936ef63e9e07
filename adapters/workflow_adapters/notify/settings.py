"""The settings of a channel: a TOML file that only its owner may read."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflow.errors import Said, WorkflowError, why_not

KEYS = frozenset(
    {
        *("url", "secret", "link", "lang", "classified", "recipients", "per_minute", "timeout", "allow_http"),
        *("host", "port", "user", "password", "sender", "starttls", "tls"),
    }
)


class BadChannel(WorkflowError):
    """The settings of a channel do not fit."""

    code = "bad-channel"
    en = "{path}: expected {expected}; got {actual}"
    zh = "{path}:应为 {expected};实为 {actual}"


@dataclass(frozen=True)
class Settings:
    """What a channel needs.

    Attributes:
        url: where a robot or a webhook is called; ``secret`` signs, and is shown by nothing.
        link: the page that a reader opens, such as ``https://host/sign-off/``.
        recipients: an address for each recipient (a person's id, or post@unit); ``*`` for everybody else.
        per_minute: at most so many calls of one process; what comes above waits for its turn.
        starttls: mail begins in the clear and is encrypted before anything is said; ``tls``: it is from the first byte
            (port 465).
        classified: flows whose matters never go out here, beside those that say so themselves.
    """

    path: str
    url: str = ""
    secret: str = field(default="", repr=False)
    link: str = ""
    lang: str = "zh"
    classified: tuple[str, ...] = ()
    recipients: dict[str, str] = field(default_factory=dict)
    per_minute: int = 20
    timeout: float = 10.0
    allow_http: bool = False
    host: str = ""
    port: int = 25
    user: str = ""
    password: str = field(default="", repr=False)
    sender: str = ""
    starttls: bool = True
    tls: bool = False

    @classmethod
    def read(cls, path: str, *needed: str) -> Settings:
        """Read a file.

        Raises:
            BadChannel: it is not there, can be read by others, is no TOML, or lacks or misspells a key.
        """
        file = Path(path)
        try:
            mode = file.stat().st_mode & 0o077
            data = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise _bad(path, "a file with the settings", "可读取的配置文件", why_not(error)) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise _bad(path, "TOML", "TOML 格式", str(error)) from None
        if mode and os.name == "posix":
            raise _bad(path, "a file that only its owner may read (chmod 600)", "仅属主可读(chmod 600)", oct(mode))
        wrong = sorted(set(data) - KEYS)
        if wrong:
            raise _bad(path, f"keys out of {', '.join(sorted(KEYS))}", "已知的键", ", ".join(wrong))
        missing = [k for k in needed if not data.get(k)]
        if missing:
            raise _bad(path, f"the keys {', '.join(needed)}", f"键 {'、'.join(needed)}", f"no {', '.join(missing)}")
        return cls._of(path, data)

    @classmethod
    def _of(cls, path: str, data: dict[str, Any]) -> Settings:
        if "classified" in data:
            data["classified"] = tuple(data["classified"])
        made = cls(path=path, **data)
        if made.url and not made.url.startswith("https://") and not made.allow_http:
            raise _bad(path, "url with https:// (or allow_http = true)", "https:// 地址", made.url.split("?")[0])
        if made.per_minute < 1:
            raise _bad(path, "per_minute of at least 1", "per_minute 至少为 1", str(made.per_minute))
        return made

    def address(self, recipient: str) -> str:
        """Where a recipient is reached; empty where they are not."""
        return self.recipients.get(recipient, self.recipients.get("*", ""))


def _bad(path: str, en: str, zh: str, actual: str) -> BadChannel:
    return BadChannel(path=path, expected=Said(en, zh), actual=actual)
