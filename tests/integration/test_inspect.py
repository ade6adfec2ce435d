"""`loadlock inspect`: the tree, what of it is trusted and by which line; as a page that does nothing."""

from __future__ import annotations

import json
import pickle
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from corpora import opcodes as op

from .daemon import BIN, ROOT, Daemon

ELEMENTS = {"html", "head", "meta", "style", "title", "body", "h1", "h2", "p", "div", "span", "code",
            "details", "summary", "br"}  # fmt: skip
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "open"}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&\x1b[31m\u202e\u2066"


class Page(HTMLParser):
    """Collects what stands in a page, and refuses what may not."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.depth = 0
        self.feed(text)
        self.close()
        assert self.depth == 0, "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS, tag
        assert {name for name, _ in attrs} <= ATTRIBUTES, attrs
        if tag not in ("meta", "br"):
            self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def run(daemon: Daemon, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "loadlock"), "inspect", *map(str, arguments), "--address", str(daemon.socket)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def model(daemon: Daemon) -> Path:
    rows = np.random.default_rng(0).normal(size=(40, 3))
    made = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, rows[:, 0] > 0)
    return daemon.write("inspected.pkl", pickle.dumps(made))


def test_each_name_has_its_line_and_reason(daemon: Daemon, model: Path) -> None:
    done = run(daemon, model)
    assert done.returncode == 0
    (row,) = [line for line in done.stdout.splitlines() if "LogisticRegression  # " in line]
    file, number = row.rpartition(", ")[2].split(":")
    text = (ROOT / "deploy" / "policies" / file).read_text().splitlines()
    assert "LogisticRegression" in "".join(text[int(number) - 1 : int(number) + 1])
    assert "n_features_in_: 3" in done.stdout
    answer = json.loads(run(daemon, "--json", model).stdout)
    assert answer["verdict"] == "VERDICT_ACCEPTED"
    assert all(name["trusted"] and name["line"] and name["why"] for name in answer["names"])
    assert any(row.get("line") == f"{file}:{number}" for row in answer["tree"])


def test_show_narrows(daemon: Daemon, model: Path) -> None:
    trusted = run(daemon, "--show", "trusted", model).stdout
    assert "StandardScaler" in trusted
    assert "n_features_in_" not in trusted
    untrusted = run(daemon, "--show", "untrusted", model)
    assert (untrusted.returncode, "StandardScaler" in untrusted.stdout) == (0, False)
    assert "no names to show" in untrusted.stdout
    assert run(daemon, "--show", "some", model).returncode == 2
    scaler = op.instance("sklearn.preprocessing._data", "StandardScaler", {})
    mixed = daemon.write("mixed.pkl", op.stream(op.value([scaler, op.instance("acme.a", "B", {})])))
    names = {
        show: [
            name["name"] for name in json.loads(run(daemon, "--json", "--show", show, mixed).stdout)["names"]
        ]
        for show in ("all", "trusted", "untrusted")
    }
    assert names["trusted"] == ["sklearn.preprocessing._data.StandardScaler"]
    assert names["untrusted"] == ["acme.a.B"]
    assert sorted(names["all"]) == sorted(names["trusted"] + names["untrusted"])


def test_a_page_of_a_hostile_file_does_nothing(daemon: Daemon, tmp_path: Path) -> None:
    values = op.stream(op.value({HOSTILE: [HOSTILE], "b": (HOSTILE,)}))
    names = op.stream(op.build(op.new(op.stack_global("acme", HOSTILE, op.binunicode)), {}))
    for data, code in ((values, 0), (names, 1)):
        out = tmp_path / "page.html"
        path = daemon.write("<b>hostile<b>.pkl", data)
        done = run(daemon, path, "--html", out)
        assert done.returncode == code, done.stdout + done.stderr
        text = out.read_bytes()
        assert text.isascii()
        assert not set(text) & (set(range(32)) - {10})
        assert b"<script" not in text
        assert b"default-src 'none'" in text
        page = Page(text.decode())
        assert any("<b>hostile<b>" in word for word in page.words)
        if code == 0:
            assert any("<script>alert(1)</script>" in word for word in page.words)
    assert run(daemon, path, "--html", tmp_path / "none" / "page.html").returncode == 2


def test_a_million_nodes_are_cut(daemon: Daemon, tmp_path: Path) -> None:
    path = daemon.write("many.pkl", pickle.dumps([(number, [None]) for number in range(300_000)]))
    out = tmp_path / "page.html"
    done = run(daemon, path, "--depth", "64", "--width", "10000", "--html", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert out.stat().st_size < 4 << 20
    words = Page(out.read_text()).words
    assert any("cut after 5000 lines" in word for word in words)
    assert any("Left out" in word for word in words)
    text = run(daemon, path).stdout
    assert "list of 300000" in text
    assert "... 299976 more" in text
