"""Nothing is longer than a reader takes in at once."""

from tests.tidy.sources import CODE, modules

MODULE_LINES_MAX = 300
TEST_MODULE_LINES_MAX = 400  # tables of cases are long
FUNCTION_LINES_MAX = 60


def test_modules_are_short() -> None:
    assert [f"{module.path}: {module.lines}" for module in modules(*CODE) if module.lines > MODULE_LINES_MAX] == []


def test_test_modules_are_short() -> None:
    long = [module for module in modules("tests") if module.lines > TEST_MODULE_LINES_MAX]
    assert [f"{module.path}: {module.lines}" for module in long] == []


def test_functions_are_short() -> None:
    lengths = {
        f"{module.at(function)} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for module in modules(*CODE, "tests")
        for function in module.functions()
    }
    assert len(lengths) > 100
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES_MAX} == {}
