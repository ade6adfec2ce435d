"""Hand-written: the estimators that transform, and those that hold others."""

from __future__ import annotations

from model import Rule
from sklearn_terms import (
    ANY,
    ARRAY,
    BOOL,
    DICT,
    DTYPE,
    INT,
    LIST,
    MEMORY,
    NAME,
    NESTED,
    NONE,
    OBJECT,
    OBJECT_ARRAY,
    PLAIN,
    SET,
    SPARSE,
    STR,
    TUPLE,
    WIDTH,
    Classes,
    made,
    rows,
    strings,
    widths,
)

CLASSES = Classes()
add = CLASSES.add

# Preprocessing.
SCALED = widths("mean_", "var_", "scale_", "min_", "data_min_", "data_max_", "data_range_", "max_abs_",
                "center_")  # fmt: skip
add(
    "sklearn.preprocessing._data.{StandardScaler,MinMaxScaler,MaxAbsScaler,RobustScaler,Normalizer,"
    "Binarizer}",
    why=PLAIN,
    **SCALED,
)
add(
    "sklearn.preprocessing._data.PowerTransformer",
    why=PLAIN,
    method=strings("yeo-johnson", "box-cox"),
    _scaler=made("sklearn.preprocessing._data.StandardScaler"),
    **widths("lambdas_"),
)
add(
    "sklearn.preprocessing._data.QuantileTransformer",
    why=PLAIN,
    output_distribution=strings("uniform", "normal"),
    **rows("quantiles_"),
)
DEGREE = Rule([INT, TUPLE, LIST], min=0, max=20, why="its native loop over degrees has no end")
add(
    "sklearn.preprocessing._polynomial.PolynomialFeatures",
    "POLYNOMIAL",
    why="as many columns as the degrees make",
    degree=DEGREE,
    _min_degree=Rule([INT], min=0, max=20),
    _max_degree=Rule([INT], min=0, max=20),
    n_output_features_=Rule([INT], min=0, max=10**7),
    _n_out_full=Rule([INT], min=0, max=10**7),
)
add(
    "sklearn.preprocessing._label.{LabelEncoder,LabelBinarizer}",
    "LABELS",
    why="looked up in sorted labels",
    classes_=Rule([ARRAY, OBJECT_ARRAY]),
)
add(
    "sklearn.preprocessing._label.MultiLabelBinarizer",
    why="its cache is made anew",
    classes_=Rule([ARRAY, OBJECT_ARRAY]),
    _cached_dict=Rule(force="None", why="indices in it would make a sparse matrix out of range"),
)
CATEGORIES = {
    "dtype": Rule([NAME, DTYPE, STR]),
    "handle_unknown": strings("error", "ignore", "infrequent_if_exist", "use_encoded_value", "warn"),
}
add(
    "sklearn.preprocessing._encoders.OneHotEncoder",
    "ONE_HOT",
    why="column numbers proven",
    feature_name_combiner=strings("concat"),
    **CATEGORIES,
)
add("sklearn.preprocessing._encoders.OrdinalEncoder", "ORDINAL", why=PLAIN, **CATEGORIES)
FUNCTION = Rule([NONE, NAME])
add(
    "sklearn.preprocessing._function_transformer.FunctionTransformer",
    "FUNCTION",
    why="only listed functions; arguments for numpy.clip alone",
    func=Rule([NONE, NAME, OBJECT]),
    inverse_func=FUNCTION,
    kw_args=Rule([NONE, DICT]),
    inv_kw_args=Rule([NONE, DICT]),
    feature_names_out=strings("one-to-one", none=True),
)
add("sklearn.impute._base.MissingIndicator", why=PLAIN)
add(
    "sklearn.impute._base.SimpleImputer",
    why=PLAIN,
    strategy=strings("mean", "median", "most_frequent", "constant"),
    indicator_=Rule([OBJECT, NONE], classes=["sklearn.impute._base.MissingIndicator"]),
    statistics_=Rule([ARRAY, OBJECT_ARRAY], shape=[WIDTH]),
)
add("sklearn.feature_selection._variance_threshold.VarianceThreshold", why=PLAIN, **widths("variances_"))
add(
    "sklearn.feature_selection._univariate_selection.{SelectKBest,SelectPercentile}",
    "FUNCTION",
    why="score_func is called by fit only",
    score_func=Rule([NAME, OBJECT]),
    **widths("scores_", "pvalues_"),
)

# Text. Codecs that take no more time than the text has bytes.
ENCODINGS = (
    "utf-8", "utf8", "utf_8", "UTF-8", "UTF8", "utf-8-sig", "utf_8_sig", "utf-16", "utf_16", "UTF-16",
    "utf-16le", "utf-16-le", "utf-16be", "utf-16-be", "utf-32", "latin-1", "latin1", "latin_1",
    "Latin-1", "Latin1", "iso-8859-1", "iso8859-1", "iso8859_1", "iso-8859-2", "iso-8859-15", "ISO-8859-1",
    "ISO-8859-2", "ISO-8859-15", "ascii", "ASCII", "us-ascii", "cp437", "cp850", "cp866", "cp932", "cp949",
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "windows-1250",
    "windows-1251", "windows-1252", "gbk", "gb2312", "gb18030", "big5", "shift_jis", "shift-jis", "euc_jp",
    "euc-jp", "euc_kr", "euc-kr", "koi8-r", "koi8_r", "mac_roman",
)  # fmt: skip
METHOD = Rule([NONE, NAME], why="a listed method of str")
PATTERN = Rule([NONE, STR], why="of a grammar that takes no time without end")
VECTORIZER = {
    "input": strings("content"),
    "encoding": strings(*ENCODINGS),
    "decode_error": strings("strict", "ignore", "replace"),
    "strip_accents": strings("ascii", "unicode", none=True),
    "analyzer": Rule([STR, NAME], why="looked up among three, or a listed method of str"),
    "preprocessor": METHOD,
    "tokenizer": METHOD,
    "token_pattern": PATTERN,
    "stop_words": Rule([NONE, STR, LIST]),
    "ngram_range": Rule([TUPLE, LIST]),
    "dtype": Rule([NAME, DTYPE, STR]),
    "norm": strings("l1", "l2", none=True),
}
add(
    "sklearn.feature_extraction.text.{CountVectorizer,TfidfVectorizer}",
    "VOCABULARY",
    why="words numbered without a gap; no callables, no paths, known patterns",
    vocabulary=Rule([NONE, LIST, TUPLE, DICT, SET, ARRAY]),
    _tfidf=made("sklearn.feature_extraction.text.TfidfTransformer"),
    **VECTORIZER,
)
add(
    "sklearn.feature_extraction.text.HashingVectorizer",
    why="no callables, no paths, known patterns",
    n_features=Rule([INT], min=1, max=2**31 - 1),
    **VECTORIZER,
)
add(
    "sklearn.feature_extraction.text.TfidfTransformer",
    "TFIDF",
    why="one weight a word",
    norm=strings("l1", "l2", none=True),
    _idf_diag=made(*SPARSE),
)

# What holds other estimators.
add(
    "sklearn.pipeline.Pipeline",
    why="steps are listed estimators",
    memory=MEMORY,
    steps=NESTED,
    transform_input=Rule([NONE, LIST]),
)
add(
    "sklearn.pipeline.FeatureUnion",
    why="parts are listed estimators",
    transformer_list=NESTED,
    verbose_feature_names_out=Rule([BOOL], why="a str would be a format string"),
)
add(
    "sklearn.compose._column_transformer.ColumnTransformer",
    why="parts are listed estimators",
    transformers=NESTED,
    transformers_=NESTED,
    remainder=ANY,
    _remainder=Rule([TUPLE, OBJECT]),
    _columns=Rule([LIST, OBJECT], classes=["sklearn.compose._column_transformer._RemainderColsList"]),
    _transformer_to_input_indices=Rule([DICT]),
    _name_to_fitted_passthrough=Rule([DICT, OBJECT]),
    verbose_feature_names_out=Rule([BOOL], why="a str would be a format string"),
)
add(
    "sklearn.compose._target.TransformedTargetRegressor",
    why="only listed ufuncs",
    func=FUNCTION,
    inverse_func=FUNCTION,
    regressor=ANY,
    regressor_=made(),
    transformer=ANY,
    transformer_=made(),
)
