#include "server/rpc/graph_pieces.h"

#include <algorithm>

namespace loadlock::rpc {
namespace {

// A fill of one piece: how many bytes are left, and where in the column it stands.
struct Fill {
  size_t left;
  int next;
};

// Copies numbers of at most `width` encoded bytes each. True if the column is done.
template <typename Column>
bool CopyNumbers(const Column& from, size_t width, Fill* fill, Column* to) {
  const int room = static_cast<int>(std::min<size_t>(fill->left / width, 1U << 30));
  const int count = std::min(room, from.size() - fill->next);
  to->Reserve(to->size() + count);
  for (int i = 0; i < count; ++i) to->AddAlreadyReserved(from.Get(fill->next + i));
  fill->next += count;
  fill->left -= static_cast<size_t>(count) * width;
  return fill->next == from.size();
}

// Copies elements of their own size; the first one of a piece always fits.
template <typename Column, typename SizeOf>
bool CopyElements(const Column& from, size_t piece_bytes, SizeOf size_of, Fill* fill, Column* to) {
  // Tag and length.
  constexpr size_t kOverhead = 8;
  while (fill->next < from.size()) {
    const size_t size = size_of(from.Get(fill->next)) + kOverhead;
    if (size > fill->left && fill->left < piece_bytes) return false;
    *to->Add() = from.Get(fill->next++);
    fill->left -= std::min(fill->left, size);
  }
  return true;
}

constexpr int kColumns = 11;

// True if column `column` is done.
bool CopyColumn(const v1::Graph& from, int column, size_t piece_bytes, Fill* fill, v1::Graph* to) {
  const auto length = [](const std::string& text) { return text.size(); };
  const auto message = [](const auto& value) { return value.ByteSizeLong(); };
  switch (column) {
    case 0:
      return CopyNumbers(from.kinds(), 1, fill, to->mutable_kinds());
    case 1:
      return CopyNumbers(from.operand_counts(), 5, fill, to->mutable_operand_counts());
    case 2:
      return CopyNumbers(from.operands(), 4, fill, to->mutable_operands());
    case 3:
      return CopyNumbers(from.ints(), 8, fill, to->mutable_ints());
    case 4:
      return CopyNumbers(from.floats(), 8, fill, to->mutable_floats());
    case 5:
      return CopyElements(from.strings(), piece_bytes, length, fill, to->mutable_strings());
    case 6:
      return CopyElements(from.blobs(), piece_bytes, length, fill, to->mutable_blobs());
    case 7:
      return CopyElements(from.globals(), piece_bytes, message, fill, to->mutable_globals());
    case 8:
      return CopyNumbers(from.buffer_sources(), 1, fill, to->mutable_buffer_sources());
    case 9:
      return CopyNumbers(from.buffer_offsets(), 8, fill, to->mutable_buffer_offsets());
    default:
      return CopyNumbers(from.buffer_lengths(), 8, fill, to->mutable_buffer_lengths());
  }
}

}  // namespace

bool GraphPieces::Next(v1::Graph* piece) {
  piece->Clear();
  const bool first = !started_;
  started_ = true;
  if (first) piece->set_root(graph_.root());
  return Fill(piece) || first;
}

bool GraphPieces::Fill(v1::Graph* piece) {
  rpc::Fill fill{piece_bytes_, next_};
  bool any = false;
  while (column_ < kColumns) {
    const int before = fill.next;
    const bool done = CopyColumn(graph_, column_, piece_bytes_, &fill, piece);
    any = any || fill.next != before;
    if (!done) break;
    ++column_;
    fill.next = 0;
  }
  next_ = fill.next;
  return any;
}

}  // namespace loadlock::rpc
