"""Writes one fitted model of every estimator, and what it predicts, for another version to load.

python -m versions.write FOLDER    with the scikit-learn of this interpreter
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from corpora.models import write_joblib, write_pickle
from corpora.zoo import all_fitted
from corpora.zoo.recipes import classes
from differential.uses import answer


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    plain = set(classes())
    for number, fitted in enumerate(all_fitted(lambda name: name in plain)):
        if number % 2:
            (folder / f"{fitted.name}.joblib").write_bytes(write_joblib(fitted.model, 4))
        else:
            (folder / f"{fitted.name}.pkl").write_bytes(write_pickle(fitted.model, 4))
        predicted = answer(fitted.model, "predict", fitted.data)
        if isinstance(predicted, np.ndarray) and predicted.dtype.kind in "if":
            np.save(folder / f"{fitted.name}.npy", predicted)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
