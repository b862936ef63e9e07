"""Check a bundle here: the same one-file verifier that an auditor runs alone, on what was uploaded."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from starlette.responses import Response

from workflow import access, evidence
from workflow_adapters.web.visit import Visit

SECONDS = 120
VERIFIER = Path(evidence.__file__).parent / "standalone.py"  # run, not imported: it stands alone


def verify(visit: Visit) -> Response:
    return visit.page("verify.html", said="", code=None)


def checked(visit: Visit) -> Response:
    """What the stand-alone verifier says of a bundle, word for word; nothing of it is kept. Where people act here, who
    checked which file is on record.

    It runs as a process of its own: what is hostile in a bundle meets nothing of ours there.
    """
    data = visit.files.get("bundle", b"")
    if not data:
        return visit.page(
            "verify.html", said=visit.say("请选择一个 .wfproof 文件。", "Choose a .wfproof file."), code=2
        )
    if visit.may_write:
        about = f"bundle sha256:{hashlib.sha256(data).hexdigest()}"
        access.record(visit.console.engine, "verify", by=visit.who.person, what=about)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.wfproof"
        path.write_bytes(data)
        command = [sys.executable, "-I", "-X", "utf8", str(VERIFIER), "verify", str(path), "--lang", visit.lang]
        for brought in (
            "policy",
            "checkpoint",
        ):  # without them it is V1 at most: nobody but the bundle vouches for itself
            if visit.files.get(brought):
                (Path(folder) / brought).write_bytes(visit.files[brought])
                command += [f"--{brought}", str(Path(folder) / brought)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            said = visit.say(f"{SECONDS} 秒内未能核验完毕。", f"It could not be checked within {SECONDS} s.")
            return visit.page("verify.html", said=said, code=2)
    said = (done.stdout or done.stderr).replace(f"{folder}/", "")
    return visit.page("verify.html", said=said, code=done.returncode)
