"""Hand-written: what the state of each scikit-learn class must look like.

A class is made by cls.__new__ and its __dict__ is written; no __setstate__ runs. What native
code believes is proven by the invariants that server/verify implements. An object may stand
only at a key whose rule says so. The rules stand in sklearn_calls (what is called, and functions
at their places), sklearn_models and sklearn_transformers.
"""

from __future__ import annotations

import sklearn_models
import sklearn_transformers
from model import Policy
from sklearn_calls import FACTORIES, FUNCTIONS

POLICY = Policy(
    name="sklearn",
    description="scikit-learn 1.2 to 1.9: fitted estimators, with proven native state.",
    extends=("numpy",),
    entries=[*FACTORIES, *FUNCTIONS, *sklearn_models.CLASSES.entries, *sklearn_transformers.CLASSES.entries],
)

DEFAULT = Policy(
    name="default",
    description="What is used when a request names no policy.",
    extends=("sklearn", "boosters"),
)

# "Defining class.attribute": class attributes that real fitted states hold under the same name,
# mostly because one version computes what another one stores. Each is a property (which wins over
# an entry of __dict__) or a plain default.
STATE_KEYS = {
    "sklearn.linear_model._least_angle.Lars.positive": "default of a parameter",
    "sklearn.linear_model._least_angle.LassoLars.positive": "default of a parameter",
    "sklearn.feature_extraction.text.TfidfTransformer.idf_": "property before 1.5",
    "sklearn.ensemble._base.BaseEnsemble.estimator_": "property in 1.2",
    "sklearn.linear_model._ridge._RidgeClassifierMixin.classes_": "property in 1.2",
}
