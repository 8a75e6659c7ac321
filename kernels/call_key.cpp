// Calls of kernels as texts: see call_key.h.

#include "kernels/call_key.h"

#include <fmt/format.h>

#include <initializer_list>
#include <utility>

namespace vitrine {
namespace {

std::string pair_text(const Size2& size) { return fmt::format("{}x{}", size.height, size.width); }

std::string prologue_text(const Prologue& prologue) {
    if (prologue.plain()) return "";
    return fmt::format(", prologue{} {}", prologue.scale != nullptr ? " affine" : "",
                       name_of(prologue.activation));
}

std::string shape_text(DType dtype, const ConvShape& s) {
    std::string text = fmt::format("{} {}x{}x{} -> {}x{}, {}", name_of(dtype), s.batch, pair_text(s.in),
                                   s.in_channels, pair_text(s.out()), s.out_channels, pair_text(s.kernel));
    if (s.stride != Size2{}) text += ", stride " + pair_text(s.stride);
    if (s.padding != Size2{0, 0}) text += ", padding " + pair_text(s.padding);
    if (s.groups != 1) text += fmt::format(", groups {}", s.groups);
    return text;
}

std::string shape_text(DType dtype, const PoolShape& s) {
    return fmt::format("{} {}x{}x{}, {}, stride {}, padding {}", name_of(dtype), s.batch, pair_text(s.in),
                       s.channels, pair_text(s.kernel), pair_text(s.stride), pair_text(s.padding));
}

/// ", d_x added, d_weight"
std::string wanted_text(std::initializer_list<std::pair<const char*, const Gradient*>> gradients) {
    std::string text;
    for (const auto& [name, gradient] : gradients) {
        if (!*gradient) continue;
        text += fmt::format(", {}{}", name, gradient->mode == GradMode::accumulate ? " added" : "");
    }
    return text;
}

}  // namespace

std::string call_key(const ConvForward& args) {
    return shape_text(args.dtype, args.shape) + prologue_text(args.prologue) +
           (args.bias != nullptr ? ", bias" : "") + (args.epilogue.plain() ? "" : ", moments");
}

std::string call_key(const ConvBackward& args) {
    return shape_text(args.dtype, args.shape) + prologue_text(args.prologue) +
           (args.d_mean != nullptr ? ", moments" : "") +
           wanted_text({{"d_x", &args.d_x},
                        {"d_weight", &args.d_weight},
                        {"d_bias", &args.d_bias},
                        {"d_scale", &args.d_scale},
                        {"d_shift", &args.d_shift}});
}

std::string call_key(const LinearForward& args) {
    return fmt::format("{} {}x{} -> {}{}", name_of(args.dtype), args.rows, args.in_features,
                       args.out_features, args.bias != nullptr ? ", bias" : "");
}

std::string call_key(const LinearBackward& args) {
    return fmt::format(
        "{} {}x{} -> {}{}", name_of(args.dtype), args.rows, args.in_features, args.out_features,
        wanted_text({{"d_x", &args.d_x}, {"d_weight", &args.d_weight}, {"d_bias", &args.d_bias}}));
}

std::string call_key(const BatchNormForward& args) {
    return fmt::format("{} {}x{}, {}", name_of(args.dtype), args.rows, args.channels,
                       args.training ? "training" : "evaluation");
}

std::string call_key(const BatchNormBackward& args) {
    return fmt::format(
        "{} {}x{}, {}{}", name_of(args.dtype), args.rows, args.channels,
        args.training ? "training" : "evaluation",
        wanted_text({{"d_x", &args.d_x}, {"d_weight", &args.d_weight}, {"d_bias", &args.d_bias}}));
}

std::string call_key(const AveragePoolForward& args) { return shape_text(args.dtype, args.shape); }

std::string call_key(const AveragePoolBackward& args) {
    return shape_text(args.dtype, args.shape) + wanted_text({{"d_x", &args.d_x}});
}

std::string call_key(const GlobalAveragePoolForward& args) {
    return fmt::format("{} {}x{}x{}", name_of(args.dtype), args.batch, args.pixels, args.channels) +
           prologue_text({args.x.scale, args.x.shift, args.activation});
}

std::string call_key(const GlobalAveragePoolBackward& args) {
    return fmt::format("{} {}x{}x{}", name_of(args.dtype), args.batch, args.pixels, args.channels) +
           prologue_text({args.x.scale, args.x.shift, args.activation}) +
           wanted_text({{"d_x", &args.d_x.x}, {"d_scale", &args.d_x.scale}, {"d_shift", &args.d_x.shift}});
}

}  // namespace vitrine
