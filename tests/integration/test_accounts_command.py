"""./darkroom accounts and keys against the running system."""

import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from client.admin import Admin
from client.calls import Refused
from deploy.local.stack import Stack
from tests.command_line import CommandLine
from tests.stacks import CHECKOUT

KEY = re.compile(r"dk_[0-9a-f]{12}_[A-Za-z0-9_-]{22}")


@pytest.fixture
def darkroom(stack: Stack, tmp_path: Path) -> CommandLine:
    """The command line in a folder of its own."""
    return CommandLine(stack, tmp_path)


@pytest.fixture
def account(darkroom: CommandLine) -> str:
    """A fresh account."""
    account_id = f"shop-{uuid4().hex[:8]}"
    made = darkroom.run("accounts", "create", account_id, "--name", "The [bold] shop")
    assert made.returncode == 0, made.stderr
    assert f"./darkroom keys create {account_id}" in made.stdout
    return account_id


def line_of(output: str, word: str) -> str:
    """The line of a table that holds this word."""
    (line,) = [line for line in output.splitlines() if word in line]
    return line


def test_an_account_is_listed_with_its_name(darkroom: CommandLine, account: str) -> None:
    listed = darkroom.run("accounts", "list")
    assert listed.returncode == 0, listed.stderr
    assert "The [bold] shop" in line_of(listed.stdout, account)


def test_a_key_is_alone_on_stdout_and_works_until_it_is_revoked(
    darkroom: CommandLine, stack: Stack, account: str
) -> None:
    made = darkroom.run("keys", "create", account, "--label", "server [1]")
    assert KEY.fullmatch(made.stdout.removesuffix("\n")), made.stderr
    key = made.stdout.strip()

    def status() -> int:
        url = f"{stack.urls.gateway}/api/webhooks/secret"
        return httpx.get(url, headers={"X-API-Key": key}, trust_env=False).status_code

    assert status() == 200
    line = line_of(darkroom.run("keys", "list", account).stdout, "server [1]")
    key_id, handle = line.split()[:2]
    assert key.startswith(handle)
    assert key not in line
    revoked = darkroom.run("keys", "revoke", key_id)
    assert (revoked.returncode, revoked.stdout) == (0, f"The key {handle}… is revoked.\n")
    assert status() == 401


def test_an_admin_key_made_here_opens_the_admin_api(darkroom: CommandLine, stack: Stack, account: str) -> None:
    key = darkroom.run("keys", "create", account, "--admin").stdout.strip()
    found = darkroom.run("accounts", "list", "--url", f"{stack.urls.gateway}/", "--admin-key", key)
    assert (found.returncode, account in found.stdout) == (0, True)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("accounts", "create", "local"), "There is an account local"),
        (("accounts", "create", "Not Good"), "account_id: lower case letters, digits"),
        (("keys", "create", "nobody-at-all"), "There is no account nobody-at-all"),
        (("keys", "list", "No Body"), "There is no account No Body"),
        (("keys", "revoke", "no-key"), "There is no key no-key"),
        (("accounts", "list", "--admin-key", "dk_wrong"), "does not take this admin key"),
        (("accounts", "list", "--admin-key", "dk_ä"), "That is no API key"),
        (("accounts", "list", "--url", "http://127.0.0.1:9"), "An admin key is needed"),
        (("accounts", "list", "--url", "http://127.0.0.1:9", "--admin-key", "dk_x"), "does not answer"),
    ],
)
def test_what_goes_wrong_is_one_sentence(darkroom: CommandLine, command: tuple[str, ...], said: str) -> None:
    done = darkroom.run(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("darkroom: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_key_that_is_no_admin_key_is_told_so(darkroom: CommandLine, account: str) -> None:
    key = darkroom.run("keys", "create", account).stdout.strip()
    done = darkroom.run("accounts", "list", "--admin-key", key)
    assert (done.returncode, done.stderr) == (1, "darkroom: This key is no admin key.\n")


def test_the_last_admin_key_cannot_be_revoked(stack: Stack) -> None:
    with Admin(stack.urls.gateway, api_key=stack.admin_key) as admin:
        others = [key for each in admin.accounts() for key in admin.keys(each.account_id) if key.admin]
        first, *rest = [key for key in others if key.revoked_at is None]
        for key in rest:
            admin.revoke_key(key.key_id)
        with pytest.raises(Refused, match="last admin key") as raised:
            admin.revoke_key(first.key_id)
        assert raised.value.status == 409
        spare = admin.create_key("admin", label="spare", admin=True)
        assert admin.revoke_key(spare.key_id).revoked_at is not None


def test_the_admin_key_may_come_from_the_environment(darkroom: CommandLine, stack: Stack) -> None:
    named = {
        "DARKROOM_ADMIN_KEY": str(stack.admin_key),
        "DARKROOM_URL": stack.urls.gateway,
    }
    command = [sys.executable, "-m", "client.cli", "accounts", "list"]
    done = subprocess.run(
        command, check=False, cwd=CHECKOUT, env=darkroom.environment | named, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, "local" in done.stdout) == (0, True), done.stderr
