// What the name of a kernel says.
#pragma once

#include <string>
#include <string_view>

#include "engine/trace.h"

namespace vitrine::tools {

struct KernelName {
    std::string op;
    Pass pass;
};

/// "depthwise_conv_backward" is the backward pass of depthwise_conv. A kernel whose name tells no pass belongs to none;
/// forward, here.
inline KernelName parts_of(std::string_view kernel) {
    constexpr std::string_view forward = "_forward", backward = "_backward";
    if (kernel.ends_with(forward))
        return {std::string(kernel.substr(0, kernel.size() - forward.size())), Pass::forward};
    if (kernel.ends_with(backward))
        return {std::string(kernel.substr(0, kernel.size() - backward.size())), Pass::backward};
    return {std::string(kernel), Pass::forward};
}

}  // namespace vitrine::tools
