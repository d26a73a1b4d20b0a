"""What the code never does."""

import ast
import re
from pathlib import Path

from tests.tidy.sources import CODE, ROOT, called_names, modules, written_files

TELLS_PEOPLE = ("client", "deploy", "benchmarks")
VAGUE = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
SHORTENED = {"evt", "msg", "cfg", "ctx", "req", "resp", "cnt", "mgr"}
UNFINISHED = re.compile(rf"\b({'|'.join(['TO' + 'DO', 'FIX' + 'ME', 'X' * 3])})\b")
CLOCKS_AND_DICE = {"now", "utcnow", "today", "time", "monotonic", "perf_counter", "new_id", "uuid4", "random", "choice"}


def words(name: str) -> set[str]:
    """The words of a name, in snake_case or CamelCase."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def names_given(tree: ast.AST) -> set[str]:
    """The names that a module gives to things."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
    return found


def calls(*folders: str) -> dict[str, tuple[str, str]]:
    """Every call below these folders: where it stands, what is called."""
    return {
        module.at(node): called_names(node)
        for module in modules(*folders)
        for node in module.nodes()
        if isinstance(node, ast.Call)
    }


def test_only_what_talks_to_people_prints() -> None:
    silent = [folder for folder in CODE if folder not in TELLS_PEOPLE]
    assert [place for place, called in calls(*silent).items() if called == ("", "print")] == []


def test_services_never_block_the_event_loop_by_sleeping() -> None:
    assert [place for place, called in calls("shared", "services").items() if called == ("time", "sleep")] == []


def test_no_test_waits_for_a_fixed_time() -> None:
    asleep = [
        f"{module.at(call)} {function.name}"
        for module in modules("tests")
        for function in module.functions()
        if function.name.startswith("test_")
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and called_names(call)[1] == "sleep" and not is_a_turn(call)
    ]
    assert asleep == []


def is_a_turn(call: ast.Call) -> bool:
    """Whether it only lets others go on: `sleep(0)`."""
    return [ast.unparse(argument) for argument in call.args] == ["0"]


def test_every_except_names_what_it_catches() -> None:
    bare = [
        module.at(node)
        for module in modules(*CODE, "tests")
        for node in module.nodes()
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == []


def test_a_handler_leaves_failures_to_the_loop() -> None:
    caught = [
        f"{module.at(function)} {function.name}"
        for module in modules("services")
        if module.path.name == "handlers.py"
        for function in module.functions()
        if function.name.startswith("on_") and any(isinstance(node, ast.Try) for node in ast.walk(function))
    ]
    assert caught == []


def test_a_domain_is_told_the_time_and_takes_no_chances() -> None:
    asked = {
        place: called
        for place, called in calls("services").items()
        if Path(place).name.startswith("domain.py") and called[1] in CLOCKS_AND_DICE
    }
    assert asked == {}


def test_modules_and_classes_have_names_that_say_something() -> None:
    vague = {str(module.path) for module in modules(*CODE, "tests") if words(module.path.stem) & VAGUE}
    vague |= {
        f"{module.at(node)} {node.name}"
        for module in modules(*CODE, "tests")
        for node in module.nodes()
        if isinstance(node, ast.ClassDef) and words(node.name) & VAGUE
    }
    assert vague == set()


def test_names_are_written_out() -> None:
    found = {
        f"{module.path}: {name}"
        for module in modules(*CODE, "tests")
        for name in names_given(module.tree)
        if words(name) & SHORTENED
    }
    assert found == set()


def test_nothing_is_left_for_later() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in written_files(".py", ".sql", ".md", ".toml", ".yaml", ".yml", ".html", ".js", ".css")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_what_others_call_says_what_it_is_for() -> None:
    silent = [
        f"{module.at(node)} {node.name}"
        for module in modules("shared", "services")
        for body in [module.tree.body, *(public.body for public in public_classes(module.tree))]
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not is_placeholder(node)
    ]
    assert silent == []


def public_classes(tree: ast.Module) -> list[ast.ClassDef]:
    """The classes that others may use."""
    return [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


def is_placeholder(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether it only names a shape, as the methods of a protocol do."""
    return isinstance(node.body[0], ast.Expr) and getattr(node.body[0].value, "value", None) is Ellipsis


def test_every_module_says_what_it_is_for() -> None:
    silent = [module.path for module in modules(*CODE, "tests") if module.text and not ast.get_docstring(module.tree)]
    assert silent == []
