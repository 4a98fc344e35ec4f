"""Passwords, tokens and keys of a suite or of `--set` are not written to disk."""

from __future__ import annotations

import tomllib

import pytest

from bench_suite.suite.credentials import is_credential, mask, mask_override, mask_text, mask_words


@pytest.mark.parametrize(
    "key",
    [
        "password", "db_password", "hf_token", "token", "hfToken", "API_KEY", "apiKey", "apikey", "secret",
        "AWS_SECRET_ACCESS_KEY", "client-secret", "private_key", "api_keys", "credentials", "Authorization", "auth",
        "session_cookie", "pwd",
    ],
)  # fmt: skip
def test_a_key_that_names_a_credential(key: str) -> None:
    assert is_credential(key)


@pytest.mark.parametrize(
    "key",
    [
        "learning_rate", "tokens", "max_tokens", "tokenizer", "pad_token", "mask_token", "eos_token", "key", "keys",
        "key_size", "keyboard", "monkey", "authors", "passes", "secretary", "attention_dropout", "",
    ],
)  # fmt: skip
def test_a_key_that_names_none(key: str) -> None:
    assert not is_credential(key)


def test_values_are_masked_at_every_depth() -> None:
    options = {
        "model": {"api_key": "s3cret", "hidden": (8, 4), "token": None, "secret": True},
        "task": {"headers": [{"Authorization": "Bearer s3cret", "accept": "text"}], "url": "https://me:s3cret@host/x"},
        "credentials": {"user": "s3cret", "pin": 1234, "more": ["s3cret"]},
    }
    assert mask(options) == {
        "model": {"api_key": "***", "hidden": (8, 4), "token": None, "secret": True},
        "task": {"headers": [{"Authorization": "***", "accept": "text"}], "url": "https://***@host/x"},
        "credentials": {"user": "***", "pin": "***", "more": ["***"]},
    }


@pytest.mark.parametrize(
    ("override", "masked"),
    [
        ("models.net.api_key=s3cret=", "models.net.api_key=***"),
        ('models."net.1".api_key="s3cret"', 'models."net.1".api_key=***'),
        ("models.net.credentials.user=s3cret", "models.net.credentials.user=***"),
        ("tasks.mine.options={ password = 's3cret', n = 2 }", 'tasks.mine.options={ password = "***", n = 2 }'),
        ("tasks.mine.url=https://me:s3cret@host/x", "tasks.mine.url=https://***@host/x"),
        ("train.epochs=5", "train.epochs=5"),
        ("no equals sign", "no equals sign"),
    ],
)
def test_an_override_keeps_its_key(override: str, masked: str) -> None:
    assert mask_override(override) == masked


def test_a_command_line_keeps_everything_else() -> None:
    words = [
        "bench",
        "run",
        "x.toml",
        "--set",
        "a.token=s3cret",
        "--set=a.pwd=s3cret",
        "--set",
        "a.b=1",
        "--smoke",
    ]
    masked = ["bench", "run", "x.toml", "--set", "a.token=***", "--set=a.pwd=***", "--set", "a.b=1", "--smoke"]
    assert mask_words(words) == masked


def test_the_text_of_a_suite_stays_toml_with_its_comments() -> None:
    text = '''title = "x"  # a comment
[[models]]
use = "net"
api_key = "s3c\\"ret"   # mine
"odd password" = """
s3cret
"""
secret = true
options = { token = 's3cret', depth = 3, keys = [1, 2] }
private_keys = [
    "s3cret",  # one
    12345,
]
[models.credentials]
user = s3cret
'''.replace("user = s3cret", "user = 's3cret'")
    masked = mask_text(text)
    assert "s3c" not in masked
    assert "12345" not in masked
    assert masked.count("#") == text.count("#")
    values = tomllib.loads(masked)
    assert values["title"] == "x"
    assert values["models"][0]["secret"] is True
    assert values["models"][0]["options"] == {"token": "***", "depth": 3, "keys": [1, 2]}
    assert values["models"][0]["private_keys"] == ["***", "***"]
    assert mask_text(text.replace("s3c", "abc")) == masked.replace("s3c", "abc")
    harmless = 'a = 1\nb = [1, 2]\nc = { d = "https://host/x" }\n'
    assert mask_text(harmless) == harmless
