"""Hand-written: what the state of each scikit-learn class must look like.

A class is made by cls.__new__ and its __dict__ is written; no __setstate__ runs. What native
code believes is proven by the invariants that server/verify implements. An object may stand
only at a key whose rule says so. The rules stand in sklearn_calls (what is called, and functions
at their places), sklearn_functions, sklearn_models, sklearn_transformers, sklearn_more and
sklearn_holders.
"""

from __future__ import annotations

import sklearn_features
import sklearn_functions
import sklearn_holders
import sklearn_models
import sklearn_more
import sklearn_transformers
from model import Policy
from sklearn_calls import FACTORIES, FUNCTIONS, TRANSFORMED_PLACES

POLICY = Policy(
    name="sklearn",
    description="scikit-learn 1.2 to 1.9: fitted estimators, with proven native state.",
    extends=("numpy",),
    places=TRANSFORMED_PLACES,
    entries=[
        *FACTORIES,
        *FUNCTIONS,
        *sklearn_functions.FUNCTIONS,
        *sklearn_holders.BY_NAME,
        *sklearn_models.CLASSES.entries,
        *sklearn_transformers.CLASSES.entries,
        *sklearn_more.CLASSES.entries,
        *sklearn_features.CLASSES.entries,
        *sklearn_holders.CLASSES.entries,
    ],
)

DEFAULT = Policy(
    name="default",
    description="What is used when a request names no policy.",
    extends=("sklearn", "boosters", "torch"),
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
    "sklearn.cross_decomposition._pls._PLS.coef_": "property in 1.2",
    "sklearn.linear_model._stochastic_gradient.BaseSGD.loss_function_": "property from 1.4 on",
    "sklearn.neighbors._nca.NeighborhoodComponentsAnalysis._n_features_out": "property from 1.4 on",
    "sklearn.random_projection.BaseRandomProjection._n_features_out": "property in 1.2",
    "sklearn.decomposition._dict_learning.SparseCoder.n_components_": "property before 1.8",
    "sklearn.decomposition._dict_learning.SparseCoder.n_features_in_": "property before 1.8",
    "sklearn.kernel_approximation.AdditiveChi2Sampler.sample_interval_": "property in 1.3",
}
