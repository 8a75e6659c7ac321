// Which prologues a convolution takes in, and what happens with the others.
//
// A convolution that applies the prologue to each element it reads knows clamps alone (activation.h): a curve there costs
// an exponential for each time an element is read and the registers for it, in kernels that have neither to spare. Such
// an implementation refuses a curve; "unfused" takes it, as passes around the first implementation that takes the rest.
#pragma once

#include <stdexcept>
#include <type_traits>

#include "kernels/conv.h"
#include "kernels/elementwise.h"
#include "kernels/kernel.h"

namespace vitrine {

/// Of implementations that take the prologue in; `also` says what else they refuse.
template <class Args, const char* (*also)(const Args&) = refuses_nothing<Args>>
const char* refuses_curve(const Args& args) {
    if (!is_clamp(args.prologue.activation))
        return "the prologue's activation is neither relu nor relu6, so it is a pass of its own";
    return also(args);
}

/// Of "unfused".
template <class Args>
const char* refuses_clamp(const Args& args) {
    return is_clamp(args.prologue.activation) ? "the prologue needs no pass of its own" : nullptr;
}

/// Runs the first implementation of `kernel` that takes `args`, whichever is forced.
template <const auto& kernel>
void run_first(const typename std::remove_cvref_t<decltype(kernel)>::Arguments& args, Context& context) {
    for (const auto& implementation : kernel.implementations()) {
        if (implementation.why_refused(args) == nullptr) return implementation.run(args, context);
    }
    throw std::logic_error("no implementation takes a convolution without its prologue");
}

/// The prologue without its activation: u = scale · x + shift.
inline Prologue before_curve(const Prologue& prologue) {
    return {prologue.scale, prologue.shift, Activation::identity};
}

/// a = activation(u), in scratch.
template <const Kernel<ActivationForward>& kernel, class T>
const T* through_curve(const ConvShape& shape, const void* u, Activation activation, Context& context) {
    const int64_t count = shape.in_pixels() * shape.in_channels;
    T* a = context.scratch.take<T>(count);
    run_first<kernel>({dtype_of<T>, activation, count, u, a}, context);
    return a;
}

/// d_u = d_a · activation'(u), in scratch.
template <const Kernel<ActivationBackward>& kernel, class T>
const T* curve_gradient(const ConvShape& shape, const void* u, const void* d_a, Activation activation,
                        Context& context) {
    const int64_t count = shape.in_pixels() * shape.in_channels;
    T* d_u = context.scratch.take<T>(count);
    run_first<kernel>({dtype_of<T>, activation, count, nullptr, u, d_a, {d_u}}, context);
    return d_u;
}

}  // namespace vitrine
