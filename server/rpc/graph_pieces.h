// Cuts a graph into pieces that fit a message.
#ifndef LOADLOCK_SERVER_RPC_GRAPH_PIECES_H_
#define LOADLOCK_SERVER_RPC_GRAPH_PIECES_H_

#include <cstddef>

#include "loadlock/v1/graph.pb.h"

namespace loadlock::rpc {

inline constexpr size_t kPieceBytes = size_t{1} << 20;

// Column after column, each piece about `piece_bytes` long; a single string or blob that is longer
// makes a piece of its own. Concatenating the pieces field by field gives the graph again.
class GraphPieces {
 public:
  // `graph` must outlive this.
  explicit GraphPieces(const v1::Graph& graph, size_t piece_bytes = kPieceBytes)
      : graph_(graph), piece_bytes_(piece_bytes) {}

  // False if there are no more. There is always at least one piece; the first one has the root.
  bool Next(v1::Graph* piece);

 private:
  // Moves on through the columns until `piece` is full. False: nothing was left.
  bool Fill(v1::Graph* piece);

  const v1::Graph& graph_;
  const size_t piece_bytes_;
  bool started_ = false;
  int column_ = 0;
  int next_ = 0;  // Element of the column.
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_GRAPH_PIECES_H_
