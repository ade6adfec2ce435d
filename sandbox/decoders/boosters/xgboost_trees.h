// The trees of an xgboost model, read into columns.
#ifndef LOADLOCK_SANDBOX_DECODERS_BOOSTERS_XGBOOST_TREES_H_
#define LOADLOCK_SANDBOX_DECODERS_BOOSTERS_XGBOOST_TREES_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sandbox/decoders/boosters/fields.h"
#include "sandbox/decoders/boosters/record.h"

namespace loadlock::boosters {

class XgboostTrees {
 public:
  using Index = document::Index;

  XgboostTrees(Fields* fields, int64_t num_feature, int64_t groups)
      : fields_(*fields), doc_(fields->document()), num_feature_(num_feature), groups_(groups) {}

  // The object `model` of gbtree. False: the fields have the refusal.
  bool Read(Index model, std::optional<Index> weight_drop);
  bool Put(Record* record) const;

 private:
  bool ReadHeader(Index model);
  bool ReadRounds(Index rounds);
  bool ReadCategoryNames(Index cats);
  bool ReadTree(Index tree, int64_t id);
  bool ReadParameters(Index object, int64_t* nodes);
  bool ReadNodes(Index tree, size_t nodes);
  bool ReadCategories(Index tree);
  template <typename T>
  bool ReadColumn(Index tree, std::string_view key, size_t count, std::vector<T>* column);

  Fields& fields_;
  const document::Document& doc_;
  const int64_t num_feature_;
  const int64_t groups_;

  int64_t num_parallel_tree_ = 1;
  std::vector<int32_t> tree_info_;
  std::vector<int32_t> num_nodes_;
  std::vector<int32_t> num_deleted_;
  std::optional<std::vector<float>> weight_drop_;
  std::vector<int32_t> left_, right_, parents_, split_indices_;
  std::vector<float> conditions_, weights_, gains_, hessians_;
  std::vector<uint8_t> default_left_, split_type_;
  std::vector<int32_t> categories_nodes_, categories_sizes_, categories_;
};

}  // namespace loadlock::boosters

#endif  // LOADLOCK_SANDBOX_DECODERS_BOOSTERS_XGBOOST_TREES_H_
