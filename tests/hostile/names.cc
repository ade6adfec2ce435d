#include <array>
#include <string>

#include "tests/hostile/scenario.h"

namespace loadlock::hostile {
namespace {

constexpr std::string_view kScaler = "sklearn.preprocessing._data.StandardScaler";
constexpr std::string_view kFunctionTransformer =
    "sklearn.preprocessing._function_transformer.FunctionTransformer";

NodeId System(Output& o) { return o.Name("posix", "system"); }

// The graph is this node alone; the honest nodes would be out of reach.
template <typename Make>
void Only(Output& o, Make make) {
  o.Clear();
  o.Root(make(o));
}

void InState(Output& o, std::string_view class_name, std::string_view key, std::string_view module,
             std::string_view name) {
  Only(o, [&](Output& only) {
    return only.Object(class_name, only.Dict({{key, only.Name(module, name)}}));
  });
}

// A listed name, under an owner that the list does not speak of.
void SharedState(Output& o) {
  Only(o, [](Output& only) {
    const NodeId state = only.Dict({{"func", only.Name("numpy", "log1p")}});
    return only.List({only.Object(kFunctionTransformer, state), state});
  });
}

const std::array kLies = {
    Lie{"name-as-root", [](Output& o) { Only(o, &System); }},
    Lie{"name-in-list", [](Output& o) { Only(o, [](Output& p) { return p.List({System(p)}); }); }},
    Lie{"name-in-tuple",
        [](Output& o) { Only(o, [](Output& p) { return p.Tuple({System(p)}); }); }},
    Lie{"name-in-set",
        [](Output& o) {
          Only(o, [](Output& p) { return p.Node(v1::NODE_KIND_SET, {System(p)}); });
        }},
    Lie{"name-as-dict-value",
        [](Output& o) { Only(o, [](Output& p) {
                          return p.Dict({{"key", System(p)}});
                        }); }},
    Lie{"name-as-dict-key",
        [](Output& o) {
          Only(o, [](Output& p) { return p.Node(v1::NODE_KIND_DICT, {System(p), p.None()}); });
        }},
    Lie{"name-in-slice",
        [](Output& o) {
          Only(o, [](Output& p) {
            return p.Node(v1::NODE_KIND_SLICE, {p.None(), p.None(), System(p)});
          });
        }},
    Lie{"name-in-object-array",
        [](Output& o) {
          Only(o, [](Output& p) {
            return p.Node(v1::NODE_KIND_OBJECT_NDARRAY, {p.List({System(p)}), 0, 1, p.Ints({1})});
          });
        }},
    Lie{"name-as-class",
        [](Output& o) { Only(o, [](Output& p) { return p.Object("posix.system", kAbsent); }); }},
    Lie{"name-as-callee",
        [](Output& o) {
          Only(o, [](Output& p) { return p.Call("posix.system", p.Tuple({p.Str("id")})); });
        }},
    Lie{"name-as-argument",
        [](Output& o) {
          Only(o,
               [](Output& p) { return p.Call("collections.defaultdict", p.Tuple({System(p)})); });
        }},
    Lie{"name-as-state",
        [](Output& o) { Only(o, [](Output& p) { return p.Object(kScaler, System(p)); }); }},
    Lie{"name-in-state", [](Output& o) { InState(o, kScaler, "mean_", "posix", "system"); }},
    Lie{"name-at-a-listed-place",
        [](Output& o) { InState(o, kFunctionTransformer, "func", "posix", "system"); }},
    Lie{"name-as-items",
        [](Output& o) {
          Only(o, [](Output& p) {
            const NodeId items = p.List({System(p)});
            return p.Node(v1::NODE_KIND_CALL,
                          {p.Name("collections", "deque"), p.Tuple({}), kAbsent, items, kAbsent});
          });
        }},
    // Listed names at the wrong places.
    Lie{"class-where-a-function-is-listed",
        [](Output& o) {
          InState(o, kFunctionTransformer, "func", "sklearn.preprocessing._data", "StandardScaler");
        }},
    Lie{"factory-where-a-function-is-listed",
        [](Output& o) { InState(o, kFunctionTransformer, "func", "sklearn.tree._tree", "Tree"); }},
    Lie{"function-at-its-place",
        [](Output& o) { InState(o, kFunctionTransformer, "func", "numpy", "log1p"); }},
    Lie{"function-at-another-key",
        [](Output& o) { InState(o, kFunctionTransformer, "kw_args", "numpy", "log1p"); }},
    Lie{"function-of-another-class",
        [](Output& o) { InState(o, kScaler, "func", "numpy", "log1p"); }},
    Lie{"function-in-a-shared-state", &SharedState},
    Lie{"function-as-class",
        [](Output& o) { Only(o, [](Output& p) { return p.Object("numpy.log1p", kAbsent); }); }},
    Lie{"function-as-callee",
        [](Output& o) {
          Only(o, [](Output& p) { return p.Call("numpy.log1p", p.Tuple({p.None()})); });
        }},
    Lie{"class-as-callee",
        [](Output& o) { Only(o, [](Output& p) { return p.Call(kScaler, p.Tuple({})); }); }},
    Lie{"lowered-factory-as-callee",
        [](Output& o) {
          Only(o, [](Output& p) {
            return p.Call("numpy.core.multiarray._reconstruct", p.Tuple({p.None()}));
          });
        }},
    Lie{"factory-as-class",
        [](Output& o) {
          Only(o, [](Output& p) { return p.Object("sklearn.tree._tree.Tree", kAbsent); });
        }},
    // Names that are split or spelled so that they look like listed ones.
    Lie{"name-split-elsewhere",
        [](Output& o) {
          Only(o, [](Output& p) {
            return p.Node(v1::NODE_KIND_OBJECT,
                          {p.Name("sklearn.preprocessing", "_data.StandardScaler"), kAbsent,
                           kAbsent, kAbsent, kAbsent});
          });
        }},
    Lie{"name-with-a-dot",
        [](Output& o) {
          Only(o, [](Output& p) { return p.List({p.Name("numpy", "log1p.__globals__")}); });
        }},
    Lie{"name-with-nul",
        [](Output& o) {
          Only(o,
               [](Output& p) { return p.List({p.Name("numpy", std::string_view("log1p\0", 6))}); });
        }},
    Lie{"name-of-other-letters",
        [](Output& o) { Only(o, [](Output& p) { return p.List({p.Name("numpy", "ｌog1p")}); }); }},
    Lie{"name-empty",
        [](Output& o) { Only(o, [](Output& p) { return p.List({p.Name("", "")}); }); }},
    Lie{"name-too-long",
        [](Output& o) {
          Only(o, [](Output& p) { return p.List({p.Name("numpy", std::string(513, 'n'))}); });
        }},
    Lie{"name-that-nothing-uses", [](Output& o) { o.Global("posix", "system"); }},
    Lie{"names-that-the-result-hides", [](Output& o) { o.result.clear_globals(); }},
};

}  // namespace

std::span<const Lie> NameLies() { return kLies; }

}  // namespace loadlock::hostile
