"""`loadlock audit --untrusted` and `loadlock policy`, against the real daemon."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import loadlock
import pytest

from corpora import opcodes as op
from corpora import payloads

from .daemon import ACCEPTED, BIN, REFUSED, ROOT, Daemon

WEIGHTS = op.stream(op.instance("acme.scoring", "Weights", {"bias": 1.5}))
SCALER = op.instance("sklearn.preprocessing._data", "StandardScaler", {"n_features_in_": 1})
HOLDER = op.stream(op.instance("acme.scoring", "Holder", {"inner": SCALER, "bias": 1}))
FUNCTION = "sklearn.preprocessing._function_transformer"
LOGISTIC = "sklearn.linear_model._logistic.LogisticRegression"


@pytest.fixture(scope="module")
def tool() -> Iterator[Daemon]:
    with Daemon("--log-level", "warn") as running:
        yield running


def run(daemon: Daemon, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "loadlock"), *map(str, arguments), "--address", str(daemon.socket)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_untrusted_names_are_listed_sorted_and_once(tool: Daemon) -> None:
    names = [op.instance("zeta.models", "B", {}), op.instance("acme.scoring", "A", {}), SCALER]
    path = tool.write("names.pkl", op.stream(op.value([op.Raw(bytes(name)) for name in [*names, names[0]]])))
    expected = ["acme.scoring.A", "zeta.models.B"]
    done = run(tool, "audit", "--untrusted", path)
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (1, expected, "")
    answer = json.loads(run(tool, "audit", "--untrusted", "--json", path).stdout)
    assert answer["untrusted"] == expected
    assert answer["verdict"] == "VERDICT_REFUSED"
    assert loadlock.untrusted(path, address=f"unix:{tool.socket}") == expected


def test_names_in_a_wrong_place_are_untrusted(tool: Daemon) -> None:
    path = tool.write("place.pkl", op.stream(op.global_(*LOGISTIC.rsplit(".", 1))))
    done = run(tool, "audit", "--untrusted", path)
    assert (done.returncode, done.stdout) == (1, LOGISTIC + "\n")
    assert loadlock.untrusted(path, address=f"unix:{tool.socket}") == [LOGISTIC]


def test_nothing_untrusted_is_not_said_of_a_damaged_file(tool: Daemon) -> None:
    good = tool.write("good.pkl", op.stream(op.value([1])))
    assert run(tool, "audit", "--untrusted", good).returncode == 0
    assert loadlock.untrusted(good, address=f"unix:{tool.socket}") == []
    damaged = tool.write("damaged.pkl", b"\x80\x04]q")
    done = run(tool, "audit", "--untrusted", damaged)
    assert (done.returncode, done.stdout) == (1, "")
    assert "refused for more than its names" in done.stderr
    with pytest.raises(loadlock.Refused):
        loadlock.untrusted(damaged, address=f"unix:{tool.socket}")
    missing = run(tool, "audit", "--untrusted", tool.root / "none.pkl")
    assert missing.returncode == 2
    assert "could not be decided" in missing.stderr


def accepted_by(text: str, tmp_path: Path, data: bytes, *, with_bases: bool = True) -> None:
    """A daemon that is started with the policy accepts the file by it."""
    policies = tmp_path / "policies"
    policies.mkdir()
    for file in (ROOT / "deploy" / "policies").glob("*.textproto") if with_bases else []:
        (policies / file.name).write_bytes(file.read_bytes())
    (policies / "suggested.textproto").write_text(text)
    with Daemon("--policy-dir", str(policies)) as other:
        assert other.stub is not None
        report = other.stub.audit(data, policy="suggested")
        assert report.verdict == ACCEPTED, report.findings
        assert other.stub.audit(op.stream(payloads.system("never")), policy="suggested").verdict == REFUSED


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("data", [WEIGHTS, HOLDER], ids=["weights", "holder"])
def test_a_suggestion_is_accepted(data: bytes, exact: bool, tool: Daemon, tmp_path: Path) -> None:
    path = tool.write("own.pkl", data)
    flags = ["--exact"] if exact else []
    done = run(tool, "policy", "suggest", "--own", "acme", *flags, path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "trust: TRUST_NEW_DICT" in done.stdout
    assert ("extends:" in done.stdout) != exact
    accepted_by(done.stdout, tmp_path, data, with_bases=not exact)
    answer = json.loads(run(tool, "policy", "suggest", "--own", "acme", *flags, "--json", path).stdout)
    assert answer["policy"] == done.stdout
    assert len(answer["added"]) == 1


def test_the_smallest_base_is_chosen(tool: Daemon, tmp_path: Path) -> None:
    scaler = op.stream(SCALER)
    path, numbers = tool.write("scaler.pkl", scaler), tool.write("numbers.pkl", op.stream(op.value([1])))
    assert 'extends: "numpy"' in run(tool, "policy", "suggest", numbers).stdout
    both = run(tool, "policy", "suggest", numbers, path)
    assert both.returncode == 0
    assert 'extends: "sklearn"' in both.stdout
    assert "#   sklearn.preprocessing._data.StandardScaler" in both.stdout
    accepted_by(both.stdout, tmp_path, scaler)
    exact = run(tool, "policy", "suggest", "--exact", path).stdout
    assert exact.count("entries {") == 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (op.stream(payloads.system("never")), "Python's own module posix"),
        (op.stream(op.instance("subprocess", "Popen", {})), "Python's own module subprocess"),
        (op.stream(op.instance("sklearn.gadgets", "Runner", {})), "leave this name out on purpose"),
        (op.stream(op.call(op.global_("acme.scoring", "run"), "x")), "what is called runs code"),
        (
            op.stream(
                op.instance(FUNCTION, "FunctionTransformer", {"func": op.Raw(op.global_("acme.a", "f"))})
            ),
            "it can run code",
        ),
        (op.stream(op.instance("acme.scoring", "Weights", {"__class__": 1})), "no line of a policy suffices"),
        (op.stream(op.instance("other.scoring", "Weights", {})), "nobody has classified the package other"),
        (b"\x80\x04]q", "no policy can allow it"),
    ],
    ids=["system", "popen", "reviewed", "call", "value", "dunder", "unclassified", "damaged"],
)  # fmt: skip
def test_what_can_run_code_is_not_suggested(data: bytes, why: str, tool: Daemon) -> None:
    path, good = tool.write("hostile.pkl", data), tool.write("good.pkl", WEIGHTS)
    # Saying that all of them are one's own changes nothing.
    own = [part for package in ("acme", "posix", "subprocess", "sklearn") for part in ("--own", package)]
    for files in ([path], [good, path]):
        done = run(tool, "policy", "suggest", *own, *files)
        assert done.returncode == 1, done.stdout
        assert why in done.stdout
        assert all(line.startswith("# ") for line in done.stdout.splitlines())
        answer = json.loads(run(tool, "policy", "suggest", *own, "--json", *files).stdout)
        assert answer["policy"] is None
        assert any(why in objection["why"] for objection in answer["objections"])


def test_a_class_is_suggested_only_for_whom_the_user_answers(tool: Daemon) -> None:
    path = tool.write("own.pkl", WEIGHTS)
    done = run(tool, "policy", "suggest", path)
    assert done.returncode == 1
    assert "say --own acme" in done.stdout
    assert run(tool, "policy", "suggest", "--own", "acm", path).returncode == 1
    assert run(tool, "policy", "suggest", "--own", "acme.scoring", path).returncode == 2
    assert run(tool, "policy", "suggest", "--own", "acme", tool.root / "none.pkl").returncode == 2


def test_hostile_names_are_escaped(tool: Daemon) -> None:
    for name in ("Ev\x1b[31mil", "Ev\nname: 1", 'Ev" trust: TRUST_NAME', "Ev\u202egpj"):
        data = op.stream(op.build(op.new(op.stack_global("acme", name)), {}))
        path = tool.write("escape.pkl", data)
        for command in (["policy", "suggest", "--own", "acme"], ["audit", "--untrusted"], ["inspect"]):
            out = run(tool, *command, path).stdout
            assert not set(out) & set("\x1b\u202e"), command
            assert "\nname: 1" not in out
        for command in (["policy", "explain"],):
            out = run(tool, *command, name).stdout
            assert not set(out) & set("\x1b\u202e"), command


def test_explain_says_trust_line_and_reason(tool: Daemon) -> None:
    done = run(tool, "policy", "explain", LOGISTIC)
    assert done.returncode == 0
    (line,) = [text for text in done.stdout.splitlines() if text.startswith("  policy: ")]
    file, number = line.removeprefix("  policy: default, ").split(":")
    text = (ROOT / "deploy" / "policies" / file).read_text().splitlines()
    # The entry begins there and names it.
    assert "entries" in text[int(number) - 1]
    assert LOGISTIC in "".join(text[int(number) - 1 : int(number) + 2])
    assert "TRUST_NEW_DICT, made by __new__" in done.stdout
    assert "why: " in done.stdout
    answer = json.loads(run(tool, "policy", "explain", "--json", LOGISTIC).stdout)
    assert answer["listed"]
    assert answer["explanation"]["origins"][0]["line"] == int(number)
    missing = run(tool, "policy", "explain", "somewhere.LogisticRegression")
    assert missing.returncode == 1
    assert f"listed: {LOGISTIC}" in missing.stdout
    assert run(tool, "policy", "explain", "--policy", "nope", LOGISTIC).returncode == 2


def test_diff_names_what_differs(tool: Daemon, tmp_path: Path) -> None:
    same = run(tool, "policy", "diff", "default", "default")
    assert (same.returncode, same.stdout) == (0, "default -> default: 0 removed, 0 added, 0 changed\n")
    wider = run(tool, "policy", "diff", "numpy", "sklearn")
    assert wider.returncode == 1
    assert f"+ {LOGISTIC}  TRUST_NEW_DICT, sklearn.textproto:" in wider.stdout
    policies = tmp_path / "policies"
    policies.mkdir()
    for file in (ROOT / "deploy" / "policies").glob("*.textproto"):
        (policies / file.name).write_bytes(file.read_bytes())
    narrow = f'name: "narrow" extends: "sklearn" entries {{ name: "{LOGISTIC}" trust: TRUST_NAME }}'
    (policies / "narrow.textproto").write_text(narrow)
    with Daemon("--policy-dir", str(policies)) as other:
        done = run(other, "policy", "diff", "sklearn", "narrow")
        assert done.returncode == 1
        assert "TRUST_NEW_DICT -> TRUST_NAME" in done.stdout
        assert done.stdout.endswith("sklearn -> narrow: 0 removed, 0 added, 1 changed\n")
        answer = json.loads(run(other, "policy", "diff", "--json", "sklearn", "narrow").stdout)
        assert [change["name"] for change in answer["changed"]] == [LOGISTIC]
        assert run(other, "policy", "diff", "sklearn", "nope").returncode == 2
