// A call of a kernel as a text: all that decides which implementation is the quickest, and nothing that changes from step to
// step. For calls of kernels whose choice pays: products, batch norms, pools.
#pragma once

#include <string>

#include "kernels/conv.h"
#include "kernels/matmul.h"
#include "kernels/norm.h"
#include "kernels/pool.h"

namespace vitrine {

/// "f32 8x56x56x24 -> 56x56x144, 1x1, prologue relu6, moments".
std::string call_key(const ConvForward& args);
/// The same, and which gradients are wanted: "…, d_x d_weight".
std::string call_key(const ConvBackward& args);
std::string call_key(const LinearForward& args);
std::string call_key(const LinearBackward& args);
std::string call_key(const BatchNormForward& args);
std::string call_key(const BatchNormBackward& args);
std::string call_key(const AveragePoolForward& args);
std::string call_key(const AveragePoolBackward& args);
std::string call_key(const GlobalAveragePoolForward& args);
std::string call_key(const GlobalAveragePoolBackward& args);

}  // namespace vitrine
