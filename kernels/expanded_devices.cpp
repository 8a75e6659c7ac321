// Asks the device's implementations, and knows from which length on they are the quicker way.

#include "kernels/expanded_devices.h"

#include <algorithm>
#include <string_view>

#include "kernels/kernels.h"

namespace vitrine {
namespace {

/// A shorter row stays in a processor's cache between two convolutions that write it, and making it twice costs more. A GPU's
/// tiles are 14 pixels wide.
int64_t shortest_row(Device device) { return device == Device::cpu ? 32 : 28; }

/// A processor's kernels take whole vectors of channels.
int64_t channels_at_once(Device device) { return device == Device::cpu ? 16 : 8; }

/// Any but those that hold the wide tensor.
bool has_kernel(const Kernel<ExpandedConvBackward>& kernel, const ExpandedConvBackward& args) {
    return std::ranges::any_of(kernel.implementations(), [&](const auto& implementation) {
        return std::string_view(implementation.name) != "separate" &&
               implementation.why_refused(args) == nullptr;
    });
}

}  // namespace

bool keeps_expansion_unwritten(Device device, DType dtype, const ConvShape& expansion,
                               const InputWindows& windows) {
    const int64_t channels = expansion.out_channels;
    if (device == Device::reference) return false;
    if (expansion.out().width < shortest_row(device) || channels % channels_at_once(device) != 0)
        return false;
    ExpandedConvBackward args;
    args.dtype = dtype;
    args.shape = {1, expansion.out(), channels, channels, {3, 3}, {1, 1}, {1, 1}, channels};
    args.narrow = expansion.weight_count() / channels;
    args.windows = windows;
    return has_kernel(*kernels(device).expanded_conv_backward.kernel, args);
}

}  // namespace vitrine
