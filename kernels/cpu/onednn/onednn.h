// oneDNN behind the kernel contract: the library fallback and the rival of our own kernels on the cpu.
//
// An op's list of implementations names it as {"onednn", onednn::refuses_OP, onednn::run_OP}. Semantics are
// those of the argument structs, prologue, epilogue and GradMode included. See README.md for what it refuses
// and for which ops the bits depend on the number of threads.
#pragma once

#include <string>

#include "kernels/context.h"
#include "kernels/conv.h"
#include "kernels/matmul.h"
#include "kernels/norm.h"
#include "kernels/pool.h"

namespace vitrine::cpu::onednn {

/// "3.0.1".
std::string version();

const char* refuses_dense_conv_forward(const ConvForward& args);
void run_dense_conv_forward(const ConvForward& args, Context& context);
const char* refuses_dense_conv_backward(const ConvBackward& args);
void run_dense_conv_backward(const ConvBackward& args, Context& context);

const char* refuses_depthwise_conv_forward(const ConvForward& args);
void run_depthwise_conv_forward(const ConvForward& args, Context& context);
const char* refuses_depthwise_conv_backward(const ConvBackward& args);
void run_depthwise_conv_backward(const ConvBackward& args, Context& context);

const char* refuses_pointwise_conv_forward(const ConvForward& args);
void run_pointwise_conv_forward(const ConvForward& args, Context& context);
const char* refuses_pointwise_conv_backward(const ConvBackward& args);
void run_pointwise_conv_backward(const ConvBackward& args, Context& context);

const char* refuses_linear_forward(const LinearForward& args);
void run_linear_forward(const LinearForward& args, Context& context);
const char* refuses_linear_backward(const LinearBackward& args);
void run_linear_backward(const LinearBackward& args, Context& context);

const char* refuses_batch_norm_forward(const BatchNormForward& args);
void run_batch_norm_forward(const BatchNormForward& args, Context& context);
const char* refuses_batch_norm_backward(const BatchNormBackward& args);
void run_batch_norm_backward(const BatchNormBackward& args, Context& context);

const char* refuses_average_pool_forward(const AveragePoolForward& args);
void run_average_pool_forward(const AveragePoolForward& args, Context& context);
const char* refuses_average_pool_backward(const AveragePoolBackward& args);
void run_average_pool_backward(const AveragePoolBackward& args, Context& context);

}  // namespace vitrine::cpu::onednn
