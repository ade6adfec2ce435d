"""Every estimator of the installed scikit-learn, fitted in many ways."""

from .models import Fitted, all_fitted

__all__ = ["Fitted", "all_fitted"]
