// A kernel: an ordered list of implementations of one operation on one device.
//
// The first implementation that accepts the arguments runs. One that refuses says why. Any one can be forced
// by name (--impl op=name), which is how tests reach every branch, those for other hardware included.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "kernels/context.h"
#include "kernels/running_kernel.h"
#include "kernels/typed_body.h"

namespace vitrine {

template <class Args>
struct Implementation {
    const char* name = nullptr;
    /// Null if these arguments can be run, else the reason why not (a phrase: "kernel larger than 7").
    const char* (*refuses)(const Args& args) = nullptr;
    void (*run)(const Args& args, Context& context) = nullptr;
    StorageTypes types = StorageTypes::computed;

    constexpr Implementation() = default;
    constexpr Implementation(const char* its_name, const char* (*its_refuses)(const Args&),
                             void (*its_run)(const Args&, Context&),
                             StorageTypes its_types = StorageTypes::computed)
        : name(its_name), refuses(its_refuses), run(its_run), types(its_types) {}
    /// Of a TypedBody or what is like one: it knows its types.
    template <class Code>
    requires requires { Code::types; }
    constexpr Implementation(const char* its_name, const char* (*its_refuses)(const Args&), Code)
        : Implementation(its_name, its_refuses, Code::template run<Args>, Code::types) {}

    /// As `refuses`, and the types first.
    const char* why_refused(const Args& args) const {
        if constexpr (requires { args.dtype; }) {
            if (is_half(args.dtype) && types != StorageTypes::all) return "takes neither bf16 nor f16";
        }
        return refuses(args);
    }
};

/// For implementations that take everything.
template <class Args>
const char* refuses_nothing(const Args&) {
    return nullptr;
}

/// The implementation that was forced for a kernel of a device, or an empty view.
std::string_view forced_implementation(Device device, std::string_view kernel);

/// Parses `op=implementation`, as on the command line, and forces it on this device from now on. `op` is a
/// kernel's full name, or the name without _forward or _backward for both. An empty implementation lifts the
/// force. Throws Error naming what there is if the kernel or the implementation does not exist.
void force_implementation(Device device, std::string_view assignment);

[[noreturn]] void throw_no_implementation(const char* kernel, Device device, const std::string& reasons);

template <class Args>
class Kernel {
  public:
    using Arguments = Args;

    constexpr Kernel(const char* name, std::span<const Implementation<Args>> implementations)
        : name_(name), implementations_(implementations) {}

    constexpr const char* name() const { return name_; }
    constexpr std::span<const Implementation<Args>> implementations() const { return implementations_; }

    /// The implementation that would run; throws Error with every refusal's reason if there is none.
    const Implementation<Args>& choose(const Args& args, Device device) const {
        const std::string_view forced = forced_implementation(device, name_);
        std::string reasons;
        for (const auto& implementation : implementations_) {
            if (!forced.empty() && forced != implementation.name) continue;
            const char* reason = implementation.why_refused(args);
            if (reason == nullptr) return implementation;
            reasons += std::string(reasons.empty() ? "" : "; ") + implementation.name + ": " + reason;
        }
        throw_no_implementation(name_, device, reasons);
    }

    void operator()(const Args& args, Context& context) const {
        const Implementation<Args>& chosen = choose(args, context.device);
        const RunningKernelScope running(name_, chosen.name);
        chosen.run(args, context);
        context.scratch.reset();
    }

  private:
    const char* name_;
    std::span<const Implementation<Args>> implementations_;
};

}  // namespace vitrine
