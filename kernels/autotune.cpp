// Choosing implementations by trying: see autotune.h.

#include "kernels/autotune.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <utility>

#include "kernels/autotune_trial.h"
#include "kernels/call_key.h"
#include "kernels/device_fault.h"
#include "kernels/error.h"
#include "kernels/replaced_kernels.h"

namespace vitrine {
namespace {

constexpr int most_runs = 5;
/// An implementation that takes so many times as long as the quickest is not run again.
constexpr double hopeless = 2;
/// Of the time of those before it in the list, what a further one may take at most to be chosen: times are noisy.
constexpr double worth_changing = 0.97;

template <class Args>
concept Tunable = requires(const Args& args) {
    call_key(args);
};

/// Of every kernel that can be tuned: itself, and the one that stands in its place, with a single implementation that chooses.
template <class Args>
struct Wrapped {
    const Kernel<Args>* own;
    Kernel<Args> choosing;
};
template <class Args>
std::deque<Wrapped<Args>>& wrapped_kernels() {
    static std::deque<Wrapped<Args>> all;
    return all;
}

template <class T>
double squared_sums(const std::vector<char>& expected, const std::vector<char>& actual, double& of_expected) {
    const T* e = reinterpret_cast<const T*>(expected.data());
    const T* a = reinterpret_cast<const T*>(actual.data());
    double apart = 0;
    for (size_t i = 0; i < expected.size() / sizeof(T); ++i) {
        const auto one = static_cast<double>(e[i]), other = static_cast<double>(a[i]);
        if (!std::isfinite(one) || !std::isfinite(other)) {
            const bool same = one == other || (std::isnan(one) && std::isnan(other));
            if (!same) return std::numeric_limits<double>::infinity();
            continue;
        }
        apart += (one - other) * (one - other);
        of_expected += one * one;
    }
    return apart;
}

}  // namespace

double allowed_difference(DType dtype) {
    const double precision = dtype == DType::f64    ? 0x1p-52
                             : dtype == DType::f32  ? 0x1p-23
                             : dtype == DType::bf16 ? 0x1p-7
                                                    : 0x1p-10;
    return std::pow(precision, 2.0 / 3);
}

Distance distance_of(Device device, DType dtype, int64_t count, const void* expected, const void* actual) {
    constexpr size_t part_bytes = size_t{16} << 20;  // of the host's memory, twice
    const size_t bytes = static_cast<size_t>(count) * size_of(dtype);
    std::vector<char> one, other;
    double apart = 0, size = 0;
    for (size_t begin = 0; begin < bytes; begin += part_bytes) {
        one.resize(std::min(part_bytes, bytes - begin));
        other.resize(one.size());
        runtime(device).copy_to_host(one.data(), static_cast<const char*>(expected) + begin, one.size());
        runtime(device).copy_to_host(other.data(), static_cast<const char*>(actual) + begin, other.size());
        dispatch_storage(dtype, [&]<class T>() { apart += squared_sums<T>(one, other, size); });
    }
    return {std::sqrt(size / static_cast<double>(count)), std::sqrt(apart / static_cast<double>(count))};
}

struct Autotune::State {
    static inline State* active = nullptr;

    Device device;
    std::function<void(const TunedCall&)> found;
    std::map<std::pair<std::string, std::string>, TunedCall> calls;
    std::unique_ptr<const KernelTable> table;
    std::unique_ptr<ReplacedKernels> replaced;

    /// The implementation's fault, or how long it takes.
    template <class Args>
    static TriedImplementation tried(const Implementation<Args>& implementation, Trial<Args>& trial,
                                     bool first, double quickest) {
        TriedImplementation result{implementation.name, 0, ""};
        try {
            trial.restore();
            result.seconds = trial.run(implementation);  // what is prepared once for a shape is in it
            if (first) {
                trial.expect_results();
            } else if (!trial.as_expected()) {
                return {implementation.name, 0, "its numbers are not those of the first implementation"};
            }
            for (int run = 1; run < most_runs; ++run) {
                const double seconds = trial.run(implementation);
                result.seconds = run == 1 ? seconds : std::min(result.seconds, seconds);
                if (result.seconds > hopeless * quickest) break;
            }
        } catch (const DeviceFault&) {
            throw;
        } catch (const Error& error) {
            return {implementation.name, 0, error.what()};
        }
        return result;
    }

    template <class Args>
    static TunedCall try_all(const Kernel<Args>& own, const Args& args, Context& context) {
        TunedCall call{own.name(), call_key(args), own.choose(args, context.device).name, {}};
        std::vector<const Implementation<Args>*> takers;
        for (const auto& implementation : own.implementations()) {
            if (implementation.why_refused(args) == nullptr) takers.push_back(&implementation);
        }
        if (takers.size() < 2) return call;
        const CacheSweep sweep(context.device);
        std::unique_ptr<Trial<Args>> trial;
        try {
            trial = std::make_unique<Trial<Args>>(own.name(), args, context, [&sweep] { sweep(); });
        } catch (const DeviceFault&) {
            throw;
        } catch (const Error&) {
            return call;  // no room to try anything
        }
        double quickest = std::numeric_limits<double>::infinity(), taken = quickest;
        for (const Implementation<Args>* taker : takers) {
            call.tried.push_back(tried(*taker, *trial, taker == takers.front(), quickest));
            const TriedImplementation& result = call.tried.back();
            if (!result.fault.empty()) continue;
            quickest = std::min(quickest, result.seconds);
            if (result.seconds > worth_changing * taken) continue;
            taken = result.seconds;
            call.chosen = result.name;
        }
        return call;
    }

    template <class Args>
    const Implementation<Args>& choose(const Kernel<Args>& own, const Args& args, Context& context) {
        if (!forced_implementation(device, own.name()).empty()) return own.choose(args, device);
        std::pair key(std::string(own.name()), call_key(args));
        auto known = calls.find(key);
        if (known == calls.end()) {
            if (context.settings != nullptr)
                return own.choose(args, device);  // recorded, which bears no waiting
            // What is tried writes where nobody looks, and no norm may follow from it.
            const NormsBehind wanted = std::exchange(context.norms, {});
            known = calls.emplace(std::move(key), try_all(own, args, context)).first;
            context.norms = wanted;
            if (found && !known->second.tried.empty()) found(known->second);
        }
        for (const auto& implementation : own.implementations()) {
            if (known->second.chosen == implementation.name && implementation.why_refused(args) == nullptr)
                return implementation;
        }
        return own.choose(args, device);
    }

    template <class Args>
    static void run(const Args& args, Context& context) {
        for (const Wrapped<Args>& kernel : wrapped_kernels<Args>()) {
            if (kernel.own->name() != running_kernel.kernel) continue;
            const Implementation<Args>& chosen = active->choose(*kernel.own, args, context);
            const RunningKernelScope running(kernel.own->name(), chosen.name);
            chosen.run(args, context);
            return;
        }
    }

    template <class Args>
    static constexpr Implementation<Args> choosing[]{
        {"autotune", refuses_nothing<Args>, run<Args>, StorageTypes::all}};

    template <class Args>
    static const Kernel<Args>* wrapped(const Kernel<Args>& own) {
        if constexpr (Tunable<Args>) {
            return &wrapped_kernels<Args>()
                        .emplace_back(Wrapped<Args>{&own, Kernel<Args>(own.name(), choosing<Args>)})
                        .choosing;
        } else {
            return &own;
        }
    }
};

Autotune::Autotune(const KernelTable& kernels, Device device, std::vector<TunedCall> known,
                   std::function<void(const TunedCall&)> found)
    : state_(std::make_unique<State>()) {
    state_->device = device;
    state_->found = std::move(found);
    for (TunedCall& call : known) {
        std::pair key(call.kernel, call.call);
        state_->calls.emplace(std::move(key), std::move(call));
    }
#define KERNEL(name, Args) wrapped_kernels<Args>().clear();
#include "kernels/kernels.def"
#undef KERNEL
    state_->table.reset(new KernelTable{
#define KERNEL(name, Args) {State::wrapped(*kernels.name.kernel), device},
#include "kernels/kernels.def"
#undef KERNEL
    });
    State::active = state_.get();
    state_->replaced = std::make_unique<ReplacedKernels>(device, *state_->table);
}

Autotune::~Autotune() {
    state_->replaced.reset();
    State::active = nullptr;
}

std::vector<TunedCall> Autotune::calls() const {
    std::vector<TunedCall> calls;
    for (const auto& [key, call] : state_->calls) calls.push_back(call);
    return calls;
}

}  // namespace vitrine
