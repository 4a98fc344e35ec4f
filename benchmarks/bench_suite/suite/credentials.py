"""What a run stores instead of passwords, tokens and keys that a suite or `--set` states.

A value is masked if a part of its key looks like the name of a credential: `password`, `api_key`, `hf_token`. The name
and password in a URL (`https://name:password@host`) are masked under any key. Only what is written to disk is masked:
components get the value itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from bench_suite.suite.toml_positions import value_spans

MASK = "***"
WORDS = frozenset(
    {
        "password", "passwords", "passwd", "passphrase", "pwd", "secret", "secrets", "credential", "credentials",
        "authorization", "bearer", "cookie", "cookies", "apikey", "apikeys",
    }
)  # fmt: skip
"Words that name a credential wherever they stand in a key."
BEFORE_KEY = frozenset({"api", "access", "private", "secret", "auth", "account", "signing", "encryption", "ssh"})
"Words that make a credential of a `key` that follows: `api_key`, `private_key`."
BEFORE_TOKEN = frozenset(
    {"pad", "mask", "unk", "unknown", "eos", "bos", "cls", "sep", "special", "start", "end", "stop"}
)
"Words before `token` that name a token of a text."

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_HARMLESS = (bool, int, float)
_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")


@lru_cache(maxsize=4096)
def is_credential(key: str) -> bool:
    """Return whether a key looks like the name of a credential: `password`, `AWS_SECRET_ACCESS_KEY`, `hfToken`."""
    words = [word.lower() for word in _WORD.findall(key)]
    if WORDS & set(words):
        return True
    before, last = words[-2:-1], words[-1:]
    if last in (["key"], ["keys"]):
        return bool(BEFORE_KEY & set(before))
    return last in (["token"], ["auth"]) and not BEFORE_TOKEN & set(before)


def mask(value: Any, key: str = "") -> Any:
    """Return JSON or TOML values in which credentials are `***`, in nested tables and lists too.

    True and false are no credentials. A table under a key such as `credentials` is masked as a whole.
    """
    hidden = is_credential(key)
    if not hidden and (value is None or type(value) in _HARMLESS or (type(value) is str and "://" not in value)):
        return value
    if isinstance(value, Mapping):
        return {name: mask(item, key if hidden else str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(mask(item, key) for item in value)
    if hidden and value is not None and not isinstance(value, bool):
        return MASK
    return _IN_URL.sub(f"{MASK}@", value) if isinstance(value, str) else value


def mask_override(override: str) -> str:
    """Return `KEY=VALUE` with `***` as its value if a part of the key names a credential."""
    key, equals, value = override.partition("=")
    if equals and any(map(is_credential, re.split(r"[.\"']", key))):
        return f"{key}={MASK}"
    inline = re.sub(r"([\w-]+)(\s*=\s*)(\"[^\"]*\"|'[^']*'|[^,}\]\s]+)", _mask_pair, value)
    return key + equals + _IN_URL.sub(f"{MASK}@", inline)


def _mask_pair(match: re.Match[str]) -> str:
    return f'{match[1]}{match[2]}"{MASK}"' if is_credential(match[1]) else match[0]


def mask_words(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with the values of `--set` masked."""
    masked = []
    for before, word in zip(("", *words), words, strict=False):
        if before == "--set":
            word = mask_override(word)
        elif word.startswith("--set="):
            word = "--set=" + mask_override(word.removeprefix("--set="))
        masked.append(_IN_URL.sub(f"{MASK}@", word))
    return masked


def mask_text(text: str) -> str:
    """Return the text of a suite, which is valid TOML, with credentials masked; the rest stays as it is."""
    spans = [
        span
        for path, span in value_spans(text).items()
        if any(isinstance(part, str) and is_credential(part) for part in path)
        and text[slice(*span)] not in ("true", "false")
    ]
    for start, end in sorted(spans, reverse=True):
        text = f'{text[:start]}"{MASK}"{text[end:]}'
    return _IN_URL.sub(f"{MASK}@", text)
