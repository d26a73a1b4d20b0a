"""Log files of the local stack: turned by size without losing what stood in them, and read from their end."""

from pathlib import Path

from deploy.local.logs import last_lines, open_log, turn


def test_a_writer_goes_on_in_the_same_file_after_a_turn(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "fetcher.log"
    with open_log(path) as writer:
        writer.write(b"one\n")
        assert turn(path, bytes_max=3) is True
        writer.write(b"two\n")
    assert path.read_text() == "two\n"
    assert path.with_name("fetcher.log.1").read_text() == "one\n"


def test_the_oldest_generation_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    for text in ("1", "2", "3", "4", "5"):
        path.write_text(text)
        turn(path, bytes_max=0)
    kept = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert kept == {"a.log": "", "a.log.1": "5", "a.log.2": "4", "a.log.3": "3"}


def test_small_and_missing_logs_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("short")
    assert turn(tmp_path / "a.log") is False
    assert turn(tmp_path / "none.log") is False


def test_last_lines_come_from_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f"line {number}\n" for number in range(1000)))
    assert last_lines(path, 2) == ["line 998", "line 999"]
    assert last_lines(path, 2, bytes_max=9) == ["line 999"]
    assert last_lines(path, 0) == last_lines(tmp_path / "none.log", 5) == []
