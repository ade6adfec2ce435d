#include "sandbox/formats/skops/reader.h"

namespace loadlock::formats::skops {
namespace {

using R = Reader;

// skops/io/_general.py, _numpy.py, _scipy.py, _sklearn.py, _quantile_forest.py and old/.
// `namespace` of a kind is skops' own field; QuantileForestNode and LossNode are a call of their
// class, whose arguments the policy has a schema for or refuses.
constexpr Reader::Kind kKinds[] = {
    {"JsonNode", "content is_json", "builtins.str", &R::ExpandNothing, &R::FinishJson},
    {"DictNode", "content key_types", "", &R::ExpandDict, &R::FinishDict},
    {"DefaultDictNode", "content", "collections.defaultdict", &R::ExpandDefaultDict,
     &R::FinishDefaultDict},
    {"ListNode", "content", "", &R::ExpandItems, &R::FinishList},
    {"SetNode", "content", "builtins.set", &R::ExpandItems, &R::FinishSet},
    {"TupleNode", "content", "", &R::ExpandItems, &R::FinishTuple},
    {"SliceNode", "content", "builtins.slice", &R::ExpandNothing, &R::FinishSlice},
    {"BytesNode", "file", "builtins.bytes", &R::ExpandNothing, &R::FinishBytes},
    {"BytearrayNode", "file", "builtins.bytearray", &R::ExpandNothing, &R::FinishByteArray},
    {"FunctionNode", "content", "", &R::ExpandFunction, &R::FinishFunction},
    {"TypeNode", "", "", &R::ExpandNothing, &R::FinishName},
    {"PartialNode", "content", "functools.partial", &R::ExpandPartial, &R::FinishPartial},
    {"MethodNode", "content", "", &R::ExpandMethod, &R::FinishMethod},
    {"OperatorFuncNode", "attrs", "", &R::ExpandAttrs, &R::FinishConstructed},
    {"ConstructorFromReduceNode", "content", "", &R::ExpandContent, &R::FinishConstructed},
    {"ObjectNode", "content", "", &R::ExpandObject, &R::FinishObject},
    {"TreeNode", "__reduce__ content", "sklearn.tree._tree.Tree", &R::ExpandReduce,
     &R::FinishReduce},
    {"LossNode", "__reduce__ content", "", &R::ExpandReduce, &R::FinishReduce},
    {"SGDNode", "__reduce__ content", "", &R::ExpandReduce, &R::FinishReduce},
    {"QuantileForestNode", "__reduce__ content",
     "quantile_forest._quantile_forest_fast.QuantileForest", &R::ExpandReduce, &R::FinishReduce},
    {"NdArrayNode", "type file content shape", "", &R::ExpandArray, &R::FinishArray},
    {"DTypeNode", "content", "numpy.dtype", &R::ExpandContent, &R::FinishDtype},
    {"MaskedArrayNode", "content", "", &R::ExpandMasked, &R::FinishMasked},
    {"SparseMatrixNode", "type file", "", &R::ExpandNothing, &R::FinishSparse},
    {"RandomStateNode", "content", "numpy.random.mtrand.RandomState", &R::ExpandContent,
     &R::FinishRandomState},
    {"RandomGeneratorNode", "content", "numpy.random._generator.Generator", &R::ExpandGenerator,
     &R::FinishGenerator},
};

}  // namespace

const Reader::Kind* Reader::FindKind(std::string_view loader) {
  for (const Kind& kind : kKinds) {
    if (kind.loader == loader) return &kind;
  }
  return nullptr;
}

}  // namespace loadlock::formats::skops
