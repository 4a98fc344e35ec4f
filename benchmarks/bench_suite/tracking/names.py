"""Names of metrics and options as trackers accept them: any text becomes one that is allowed, and none become equal."""

from __future__ import annotations

import hashlib
import re

MAX_LENGTH = 200
"Characters of a name; MLflow refuses more than 250."


def safe_key(name: str) -> str:
    """Return a name of letters, digits and `_ - . /` and spaces, whose parts between slashes are no `.` or `..`.

    `=` becomes `-`: `throughput/inference/batch_size-64`. If anything else changes, six characters of a hash make the
    name differ from every other one.
    """
    parts = [re.sub(r"[^\w.\- ]", "-", part).strip() for part in name.replace("=", "-").split("/")]
    cleaned = "/".join(part if part.strip(".") else "_" for part in parts)
    if cleaned == name.replace("=", "-") and len(cleaned) <= MAX_LENGTH:
        return cleaned
    return f"{cleaned[:MAX_LENGTH]}-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:6]}"
