"""What the README says about files and settings."""

import re
from collections.abc import Iterable

import pytest
from pydantic_settings import BaseSettings
from typer.models import CommandInfo

from client.cli import app
from services.enhancer.settings import Settings as EnhancerSettings
from services.exporter.settings import Settings as ExporterSettings
from services.fetcher.settings import Settings as FetcherSettings
from services.gateway.settings import Settings as GatewaySettings
from services.ledger.settings import Settings as LedgerSettings
from shared.prices import Prices
from shared.regeneration import Regeneration
from tests.docs.readme import README, ROOT

TEXT = README.read_text(encoding="utf-8")
LINKS = re.findall(r"\]\((?!http)([^)#]+)\)", TEXT)
ROWS = re.findall(r"^\| `(DARKROOM_\w+)` \| (?:`([^`]*)`)? ?\|", TEXT, re.MULTILINE)
COMMANDS = re.findall(r"\./darkroom ([a-z]+)(?: ([a-z]+)\b)?", TEXT)
SETTINGS: tuple[type[BaseSettings], ...] = (
    GatewaySettings,
    FetcherSettings,
    EnhancerSettings,
    ExporterSettings,
    LedgerSettings,
    Prices,
    Regeneration,
)
OF_THE_LOCAL_STACK = {"DARKROOM_HOME", "DARKROOM_LOCAL_PORTS"}
OF_THE_COMMAND_LINE = {
    setting
    for file in (ROOT / "client").rglob("*.py")
    for setting in re.findall(r'"(DARKROOM_\w+)"', file.read_text(encoding="utf-8"))
}


def defaults() -> dict[str, str]:
    """Every setting by the name of its variable, with its default as text; empty where it has none or makes one."""
    found = {}
    for settings in SETTINGS:
        for name, field in settings.model_fields.items():
            alias = field.validation_alias
            prefix = settings.model_config["env_prefix"]
            variable = alias if isinstance(alias, str) else f"{prefix}{name.upper()}"
            found[variable] = "" if field.is_required() or field.default is None else str(field.get_default())
    return found


@pytest.mark.parametrize("link", LINKS)
def test_a_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


@pytest.mark.parametrize("setting", sorted({setting for setting in re.findall(r"DARKROOM_[A-Z_]+", TEXT)}))
def test_a_setting_exists(setting: str) -> None:
    assert setting in defaults().keys() | OF_THE_LOCAL_STACK | OF_THE_COMMAND_LINE


@pytest.mark.parametrize(("setting", "default"), [row for row in ROWS if row[1]])
def test_a_default_is_the_one_of_the_code(setting: str, default: str) -> None:
    found = defaults()[setting]
    assert found in (default, "PydanticUndefined" if default == "{}" else default)


def names_of(commands: Iterable[CommandInfo]) -> set[str]:
    """What one types for them."""
    return {str(command.name or getattr(command.callback, "__name__", "")) for command in commands}


def test_the_commands_exist() -> None:
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    assert {first for first, _ in COMMANDS} <= names_of(app.registered_commands) | groups.keys()
    for first, second in COMMANDS:
        group = groups.get(first)
        assert group is None or second in names_of(group.registered_commands)


def test_the_readme_speaks_of_settings_commands_and_files() -> None:
    assert len(LINKS) > 10
    assert len(ROWS) > 10
    assert len(COMMANDS) > 10


def test_the_changelog_names_the_version() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert f"## [{version[1]}]" in (ROOT / "CHANGELOG.md").read_text()
