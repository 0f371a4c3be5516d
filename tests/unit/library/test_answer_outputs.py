"""Where answers go, without a server: what is written, what is left when something goes wrong."""

from __future__ import annotations

import json
import resource
import stat
from pathlib import Path
from typing import Any

import pytest

from module_utils import answer_outputs
from module_utils.answer_outputs import AnswerFile, EnoughError, OutputError, opened, sink_of

SELECT = "PREFIX ex: <http://example.org/> SELECT ?a ?b { ?a ex:p ?b }"


def answer(rows: int) -> bytes:
    values = [[f"<http://example.org/{number}>", f'"{number}"'] for number in range(rows)]
    return json.dumps({"names": ["a", "b"], "values": values}).encode()


def written(path: Path, data: bytes, output: str = "csv", query: str = SELECT, check: bool = False) -> dict[str, Any]:
    with opened(str(path), check) as file:
        sink, _ = sink_of(query, output, file, 0, 0, 0)
        sink.feed(data)
        found = sink.end()
        if found["changed"]:
            file.put()
    return found


def test_a_file_is_there_whole_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "answer.csv"
    assert written(path, b"a\n1\n") == {"bytes": 4, "changed": True, "count": 1}
    assert path.read_bytes() == b"a\n1\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("there", [b"a\n1\n", b"a\n2\n", b"a\n", b"a\n1\n2\n", b""])
@pytest.mark.parametrize("check", [True, False])
def test_a_file_with_the_same_content_stays(tmp_path: Path, there: bytes, check: bool) -> None:
    path = tmp_path / "answer.csv"
    path.write_bytes(there)
    before = path.stat()
    same = there == b"a\n1\n"
    assert written(path, b"a\n1\n", check=check)["changed"] is not same
    assert path.read_bytes() == (there if check else b"a\n1\n")
    assert (path.stat().st_ino == before.st_ino) is (same or check)
    assert list(tmp_path.iterdir()) == [path]


def test_check_mode_makes_no_file(tmp_path: Path) -> None:
    assert written(tmp_path / "answer.csv", b"a\n", check=True)["changed"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_broken_off_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "answer.csv"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), opened(str(path), False) as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "answer.csv")
    written(tmp_path / "link.csv", b"a\n")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "answer.csv").read_bytes() == b"a\n"


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is no file"):
        AnswerFile(str(tmp_path))
    with pytest.raises(OutputError, match=f"There is no folder {tmp_path}/none for federation_output_file"):
        AnswerFile(str(tmp_path / "none" / "answer.csv"))


def test_a_disk_that_takes_no_more_is_said(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with opened(str(tmp_path / "answer.csv"), False) as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        try:
            with pytest.raises(OutputError, match=r"answer\.csv cannot be written: File too large\. Make room"):
                file.write(b"x" * 100_000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_table_on_the_screen_says_when_there_are_more() -> None:
    sink, asked = sink_of(SELECT, "table", None, 3, 0, 0)
    assert asked == 4
    with pytest.raises(EnoughError):
        sink.feed(answer(10))
    found = sink.end()
    assert (found["more"], found["count"], len(found["rows"])) == (True, 3, 3)
    assert len(found["text"].splitlines()) == 7


@pytest.mark.parametrize(
    ("shown", "limit", "asked"), [(0, 0, 0), (3, 2, 2), (3, 9, 4), (0, 9, 9), (3, 3, 3), (3, 4, 4)]
)
def test_how_many_rows_are_asked_for(shown: int, limit: int, asked: int) -> None:
    assert sink_of(SELECT, "table", None, shown, limit, 0)[1] == asked
    assert sink_of(SELECT, "html", None, shown, limit, 0)[1] == limit


def test_a_table_on_the_screen_with_all_rows() -> None:
    sink, _ = sink_of(SELECT, "table", None, 3, 0, 30)
    sink.feed(answer(3))
    found = sink.end()
    assert (found["more"], found["count"]) == (False, 3)
    assert found["table"].splitlines()[3] == '| <http://example.org/0> | "0" |'
    assert found["text"].splitlines()[3] == '| ex:0 | "0" |'


def test_a_table_in_a_file_is_as_wide_as_its_widest_row(tmp_path: Path) -> None:
    sink, _ = sink_of(SELECT, "table", None, 0, 0, 0)
    sink.feed(answer(12))
    assert written(tmp_path / "answer.txt", answer(12), "table")["count"] == 12
    assert (tmp_path / "answer.txt").read_text() == sink.end()["table"] + "\n"


def test_a_limit_holds_where_the_server_has_none(tmp_path: Path) -> None:
    with opened(str(tmp_path / "answer.html"), False) as file:
        sink, _ = sink_of(SELECT, "html", file, 0, 2, 0)
        with pytest.raises(EnoughError):
            sink.feed(answer(10))
        assert sink.end()["count"] == 2
        file.put()
    assert (tmp_path / "answer.html").read_text().count("<tr>") == 3


@pytest.mark.parametrize("output", ["table", "html"])
def test_no_rows_are_an_answer(tmp_path: Path, output: str) -> None:
    assert written(tmp_path / "answer", answer(0), output)["count"] == 0
    assert "a" in (tmp_path / "answer").read_text()


def test_the_truth_of_an_ask(tmp_path: Path) -> None:
    sink, _ = sink_of("ASK {}", "table", None, 1000, 0, 80)
    sink.feed(b"tru")
    sink.feed(b"e")
    found = sink.end()
    assert (found["text"], found["names"], found["more"]) == ("true", ["ask"], False)
    written(tmp_path / "answer.txt", b"false", "table", "ASK {}")
    assert (tmp_path / "answer.txt").read_text() == "false\n"
    # A variable may have that name, too.
    sink, _ = sink_of("SELECT ?ask {}", "table", None, 1000, 0, 80)
    sink.feed(b'{"names":["ask"],"values":[["<ex://a>"]]}')
    assert sink.end()["text"].startswith("------")


def test_a_text_is_too_much_for_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_outputs, "SCREENFUL", 1 << 20)
    sink, _ = sink_of(SELECT, "csv", None, 1000, 0, 80)
    sink.feed(b"a\n" * (1 << 19))
    with pytest.raises(OutputError, match="more than 1 MB, which is too much for a screen: name a file"):
        sink.feed(b"a")


def test_bytes_pass_as_they_came() -> None:
    data = 'a,b\r\n"é\x1b","\x00"\r\n'.encode()
    sink, _ = sink_of(SELECT, "csv", None, 1000, 0, 80)
    for number in data:
        sink.feed(bytes([number]))
    assert sink.end() == {"text": data.decode(), "count": 1}


def test_nothing_is_left_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        written(tmp_path / "answer.csv", b"a\n")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
