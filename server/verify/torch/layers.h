// Layers of torch.nn whose native code trusts what the module says of itself.
#ifndef LOADLOCK_SERVER_VERIFY_TORCH_LAYERS_H_
#define LOADLOCK_SERVER_VERIFY_TORCH_LAYERS_H_

#include "server/verify/scope.h"

namespace loadlock::verify::torch {

// RNN: LSTM, GRU, RNN. The CPU LSTM reads its weights by hidden_size: all shapes are exact, and the
// flat weights are the parameters themselves.
Check CheckRecurrent(const Scope& scope, const Instance& module);

// MultiheadAttention: the encoder layer divides by num_heads without a look.
Check CheckAttention(const Scope& scope, const Instance& module);

// Transformer and its encoder, decoder and layers: children of the right classes.
Check CheckTransformer(const Scope& scope, const Instance& module);

// ParameterList and ParameterDict: what they count is there.
Check CheckParameterContainer(const Scope& scope, const Instance& module);

// Modules whose optional tensor torch 1.13 reads past its end: none is registered.
Check CheckNoTensors(const Scope& scope, const Instance& module);

}  // namespace loadlock::verify::torch

#endif  // LOADLOCK_SERVER_VERIFY_TORCH_LAYERS_H_
