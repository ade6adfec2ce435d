"""Real models through the reference encoder: no daemon, no file."""

import warnings

import pytest
from encoder import Encoder
from models import MAKERS, answers

import loadlock
from loadlock._rebuild import kinds as k


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("name", MAKERS)
def test_a_model_predicts_bit_for_bit_as_before(round_trip, name):
    model, rows = MAKERS[name]()
    made = round_trip(model)
    assert answers(made, rows) == answers(model, rows)
    assert made.__dict__.keys() == model.__dict__.keys()
    assert made.get_params().keys() == model.get_params().keys()


def test_each_name_is_needed():
    encoder = Encoder().encode(MAKERS["pipeline"]()[0])
    from conftest import built

    for name in encoder.trusts:
        less = {key: trust for key, trust in encoder.trusts.items() if key != name}
        with pytest.raises(loadlock.RebuildError, match="not allowed"):
            built(encoder, less)
        with pytest.raises(loadlock.RebuildError):
            built(encoder, {**less, name: k.TRUST_NAME})


def test_a_model_of_another_version_warns_once(round_trip, monkeypatch):
    from sklearn.linear_model import LogisticRegression

    model, _ = MAKERS["pipeline"]()
    state = LogisticRegression.__getstate__

    def older(self):
        return {**state(self), "_sklearn_version": "0.1"}

    monkeypatch.setattr(LogisticRegression, "__getstate__", older)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        made = round_trip(model)
    assert [w for w in seen if "0.1" in str(w.message) and "LogisticRegression" in str(w.message)]
    assert len(seen) == 1
    assert "_sklearn_version" not in vars(made[-1])
