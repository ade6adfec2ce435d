#include "server/rpc/graph_pieces.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>

namespace loadlock::rpc {
namespace {

v1::Graph Sample(int size) {
  v1::Graph graph;
  for (int i = 0; i < size; ++i) {
    graph.add_kinds(i % 2 == 0 ? v1::NODE_KIND_STR : v1::NODE_KIND_INT);
    graph.add_operand_counts(static_cast<uint32_t>(i) * 1'000'003U);
    graph.add_operands(static_cast<uint32_t>(i));
    graph.add_ints(-i);
    graph.add_floats(i / 3.0);
    graph.add_strings(std::string(static_cast<size_t>(i % 50), 's'));
    graph.add_blobs(std::string(static_cast<size_t>(i % 30), 'b'));
    v1::Global* global = graph.add_globals();
    global->set_module("module" + std::to_string(i));
    global->set_name("name");
    graph.add_buffer_sources(i % 2 == 0 ? v1::BUFFER_SOURCE_ARTIFACT : v1::BUFFER_SOURCE_DECODED);
    graph.add_buffer_offsets(static_cast<uint64_t>(i) << 30);
    graph.add_buffer_lengths(static_cast<uint64_t>(i));
  }
  graph.set_root(7);
  return graph;
}

struct Cut {
  v1::Graph joined;
  int pieces = 0;
  size_t largest = 0;
};

Cut CutAndJoin(const v1::Graph& graph, size_t piece_bytes) {
  Cut out;
  GraphPieces pieces(graph, piece_bytes);
  v1::Graph piece;
  while (pieces.Next(&piece)) {
    ++out.pieces;
    out.largest = std::max(out.largest, piece.ByteSizeLong());
    out.joined.MergeFrom(piece);
  }
  return out;
}

TEST(GraphPiecesTest, PiecesJoinToTheGraph) {
  const v1::Graph graph = Sample(3000);
  for (const size_t size : {size_t{100}, size_t{1000}, size_t{4096}, size_t{1} << 20}) {
    const Cut cut = CutAndJoin(graph, size);
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(cut.joined, graph)) << size;
    // Tags of up to 11 columns come on top.
    EXPECT_LE(cut.largest, size + 64) << size;
  }
  EXPECT_GT(CutAndJoin(graph, 4096).pieces, 20);
  EXPECT_EQ(CutAndJoin(graph, size_t{1} << 20).pieces, 1);
}

TEST(GraphPiecesTest, EmptyGraphIsOnePiece) {
  v1::Graph graph;
  EXPECT_EQ(CutAndJoin(graph, 100).pieces, 1);
}

TEST(GraphPiecesTest, LongStringIsAPieceOfItsOwn) {
  v1::Graph graph = Sample(3);
  graph.add_strings(std::string(5000, 'x'));
  graph.add_strings("after");
  const Cut cut = CutAndJoin(graph, 200);
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(cut.joined, graph));
  EXPECT_LE(cut.largest, 5000U + 16);
}

}  // namespace
}  // namespace loadlock::rpc
