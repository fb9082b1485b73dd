from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from isce2_recipe.redact import in_values, known_secrets, redactor, texts_of, without_secrets

SECRET = 'p/ss"w+rd=1'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_every_form_of_a_secret_is_replaced(form: str) -> None:
    clean = redactor(frozenset({SECRET}))(f"before {form} after")
    assert "***" in clean
    assert "w+rd" not in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")


def test_secrets_of_the_environment_and_netrc(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(
        "machine a.b login me password from-netrc\nmachine c.d login me password x\n"
    )
    found = known_secrets(
        {
            "HOME": str(tmp_path),
            "EARTHDATA_TOKEN": "a-long-token",
            "EARTHDATA_USERNAME": "someone",
            "AWS_SECRET_ACCESS_KEY": "a-secret-key",
            "AWS_REGION": "us-west-2",
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token",
            "MY_PASSWORD": "short",
        }
    )
    plain = {value for value in found if not value.startswith("bWU6")}
    assert plain == {"a-long-token", "a-secret-key", "from-netrc"}
    assert base64.b64encode(b"me:from-netrc").decode() in found


def test_without_secrets_a_text_stays_as_it_is() -> None:
    assert redactor(frozenset())("a text") == "a text"


def test_a_broken_netrc_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine\n")
    assert known_secrets({"HOME": str(tmp_path)}) == frozenset()


def test_json_values_keep_their_form_when_secrets_are_removed() -> None:
    redact = redactor(frozenset({'abcdef"', "1234567", "name-of-key"}))
    value = {"a": "abcdef", "n": 1234567, "m": 12345678, "t": True, "name-of-key": ['x abcdef" y', None, 1.5]}
    assert in_values(value, redact) == {
        "a": "abcdef", "n": "***", "m": 12345678, "t": True, "***": ["x *** y", None, 1.5],
    }  # fmt: skip
    assert set(texts_of({"a": [1234567, "longer", 12, "x"]})) == {"1234567", "longer"}


def test_a_command_line_hides_parameters_by_their_names() -> None:
    given = "run r --pin 12 --looks 20x4 --pin=12 --set pin=1 --set=pin=1 --keys a b --set looks=1"
    hidden = "run r --pin *** --looks 20x4 --pin=*** --set pin=*** --set=pin=*** --keys *** *** --set looks=1"
    assert without_secrets(given.split(), {"pin", "keys"}) == hidden.split()
