"""Files of the real skops come through with equal answers; files that lie do not come through."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import loadlock
import numpy as np
import pytest
import skops.io
from scipy import sparse

from corpora import skops_archives, skops_files
from corpora.case import Case
from corpora.models import models, same

from .daemon import REFUSED, Daemon, errors
from .test_payloads import wrong_with

pytestmark = pytest.mark.models
# skops does not write the ring of leaves of Birch, recurses for ever on distributions of scipy, and gives
# numpy.matrix a class that no node of arrays has.
UNWRITTEN = ("birch", "bisecting-sparse", "random")
MODELS = {model.name: model for model in models() if model.name not in UNWRITTEN}
OLD_FILES = sorted((Path(__file__).parents[1] / "corpora" / "skops").glob("*.skops"))


@pytest.fixture(scope="module")
def client(daemon: Daemon) -> Iterator[loadlock.Client]:
    with loadlock.Client(f"unix:{daemon.socket}") as connected:
        yield connected


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", MODELS)
def test_a_good_model_answers_as_before(
    name: str, compression: int, daemon: Daemon, client: loadlock.Client
) -> None:
    model = MODELS[name]
    data = skops.io.dumps(model.fitted, compression=compression)
    path = daemon.write(f"{name}.skops", data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = client.load(path)
    path.unlink()
    assert type(loaded) is type(model.fitted)
    expected, answers = model.answers(model.fitted), model.answers(loaded)
    assert not [method for method in answers if not same(answers[method], expected[method])]
    theirs = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    answers = model.answers(theirs)
    assert not [method for method in answers if not same(answers[method], expected[method])]


def test_plain_values_are_those_that_skops_reads(daemon: Daemon, client: loadlock.Client) -> None:
    shared = [1, 2]
    value = {
        "texts": ["", "é€😀", 'a"\\\n'],
        "numbers": [0, -1, 2**63 - 1, -(2**63), 2**63, -(2**80), 0.1, 1e308, 5e-324],
        "others": (
            None,
            True,
            False,
            slice(None, 3),
            {1, 2},
            frozenset([3]),
            range(1, 9, 2),
            b"",
            b"\0\xff",
            bytearray(b"x"),
        ),
        "shared": (shared, shared),
        3: "three",
        1.5: "float",
        True: "true",
        np.int64(7): "numpy",
        "scalars": [np.float64(0.1), np.int8(-3), np.uint64(2**63), np.bool_(True), np.float32(0.5)],
        "arrays": [
            np.arange(6.0).reshape(2, 3),
            np.asfortranarray(np.eye(2)),
            np.array(["a", "bc"]),
            np.zeros((0, 2)),
            np.array(5),
            np.array([[1, None], ["x", 2]], dtype=object),
        ],
    }
    data = skops.io.dumps(value)
    path = daemon.write("plain.skops", data)
    ours = client.load(path)
    path.unlink()
    theirs = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    arrays = zip(ours.pop("arrays"), theirs.pop("arrays"), strict=True)
    for mine, expected in arrays:
        assert mine.dtype == expected.dtype
        assert mine.flags.f_contiguous == expected.flags.f_contiguous
        assert mine.shape == expected.shape
        assert (mine == expected).all()
    assert repr(ours) == repr(theirs)
    assert ours["shared"][0] is ours["shared"][1]


@pytest.mark.parametrize("layout", ["csr", "csc", "coo", "dia"])
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_sparse_values_are_those_that_skops_reads(
    layout: str, kind: str, daemon: Daemon, client: loadlock.Client
) -> None:
    value = getattr(sparse, f"{layout}_{kind}")(np.diag([1.0, 2.0, 3.0]))
    path = daemon.write("sparse.skops", skops.io.dumps(value))
    loaded = client.load(path)
    path.unlink()
    assert type(loaded) is type(value)
    assert (loaded.toarray() == value.toarray()).all()


def test_random_generators_go_on_alike(daemon: Daemon, client: loadlock.Client) -> None:
    state, generator = np.random.RandomState(3), np.random.default_rng(4)
    path = daemon.write("random.skops", skops.io.dumps([state, generator]))
    loaded = client.load(path)
    path.unlink()
    assert (loaded[0].rand(5) == state.rand(5)).all()
    assert (loaded[1].random(5) == generator.random(5)).all()


@pytest.mark.parametrize("path", OLD_FILES, ids=lambda path: path.stem)
def test_older_protocols(path: Path, daemon: Daemon, client: loadlock.Client) -> None:
    """Written by skops 0.4 and 0.6 with scikit-learn 1.2 (tests/corpora/skops)."""
    copied = daemon.write(path.name, path.read_bytes())
    report = daemon.stub.audit(copied)
    assert report.verdict != REFUSED, errors(report)
    if "tree" in path.stem:  # whose nodes no newer scikit-learn takes, whatever wrote the file
        copied.unlink()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of another scikit-learn
        loaded: Any = client.load(copied)
    copied.unlink()
    if "logistic" in path.stem:
        assert loaded.predict([[0.0, 1.0], [1.0, 0.0]]).shape == (2,)
    if "plain" in path.stem:
        assert loaded["shared1"] is loaded["shared2"]
        assert loaded["big"] == 2**80


@pytest.mark.parametrize(
    "builder", [*skops_files.BUILDERS, *skops_archives.BUILDERS], ids=lambda builder: builder.__name__
)
def test_every_lie_is_refused(
    builder: Callable[[str], Iterator[Case]], daemon: Daemon, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    cases = list(builder(str(canary)))
    assert cases
    wrong = [reason for case in cases if (reason := wrong_with(case, daemon))]
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong)
    assert not canary.exists()


def test_the_untouched_twins_are_accepted(daemon: Daemon) -> None:
    """Without which the refusals would prove nothing."""
    for name, data in skops_files.controls():
        report = daemon.audit_bytes(data)
        assert report.verdict != REFUSED, (name, errors(report))
        assert report.format == "skops"


def test_another_archive_is_named(daemon: Daemon) -> None:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "x")
    report = daemon.audit_bytes(buffer.getvalue())
    assert report.verdict == REFUSED
    assert report.format == "zip"
    assert "zip" in errors(report)[0].message
