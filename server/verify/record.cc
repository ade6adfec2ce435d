#include "server/verify/record.h"

namespace loadlock::verify {

bool IsRecord(const Scope& scope, const Array& array, uint32_t itemsize,
              absl::Span<const RecordField> fields) {
  if (array.dtype.kind != 'R' || array.dtype.itemsize != itemsize) return false;
  const View& view = scope.view();
  const absl::Span<const uint32_t> operands = view.operands(array.dtype_node);
  if (operands.size() != 1 + 3 * fields.size()) return false;
  for (size_t i = 0; i < fields.size(); ++i) {
    const NodeId field = operands[3 * i + 2];
    if (view.string(operands[3 * i + 1]) != fields[i].name ||
        view.integer(operands[3 * i + 3]) != fields[i].offset ||
        view.kind(field) != v1::NODE_KIND_DTYPE ||
        view.string(view.operands(field)[0]) != fields[i].typestr) {
      return false;
    }
  }
  return true;
}

}  // namespace loadlock::verify
