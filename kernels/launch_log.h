// Which kernels a GPU was given and may still be running: when something has gone wrong on it, the call that
// hears of it is another one, some time later.
//
// All inline, and without {fmt}, which nvcc cannot compile: both devices' launches keep such a log.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/device_fault.h"
#include "kernels/error.h"
#include "kernels/running_kernel.h"

namespace vitrine {

struct Extent {
    unsigned x, y, z;
    std::string text() const {
        return std::to_string(x) + " x " + std::to_string(y) + " x " + std::to_string(z);
    }
};

/// Whether the environment asks CUDA to wait for each launch.
inline bool launches_block() {
    static const bool asked = [] {
        const char* value = std::getenv("CUDA_LAUNCH_BLOCKING");
        return value != nullptr && std::string(value) == "1";
    }();
    return asked;
}

/// Any thread may call.
class LaunchLog {
  public:
    using NameOf = std::string (*)(const void* kernel);
    enum class Names {
        at_launch,   // a device that has failed cannot tell them any more
        when_asked,  // finding one takes long
    };

    LaunchLog(NameOf name_of, Names names) : name_of_(name_of), names_(names) {}

    void add(const void* kernel, Extent grid, Extent block) {
        const std::lock_guard lock(mutex_);
        if (capturing_) {  // it runs with the graph
            ++captured_;
            return;
        }
        if (names_ == Names::at_launch) name(kernel);
        launches_[count_++ % launches_.size()] = {kernel, grid, block, running_kernel, 0};
    }

    /// Until end_capture(), launches are part of a graph and have not been made.
    void begin_capture() {
        const std::lock_guard lock(mutex_);
        capturing_ = true;
        captured_ = 0;
    }
    /// How many they were.
    uint64_t end_capture() {
        const std::lock_guard lock(mutex_);
        capturing_ = false;
        return captured_;
    }

    /// One launch: of a graph of so many kernels.
    void add_graph(uint64_t kernels) {
        const std::lock_guard lock(mutex_);
        launches_[count_++ % launches_.size()] = {nullptr, {}, {}, {}, kernels};
    }

    /// How many launches there were, a graph's being one.
    uint64_t count() const {
        const std::lock_guard lock(mutex_);
        return count_;
    }

    /// The host has waited: so many launches, from the first on, have ended well.
    void complete(uint64_t count) {
        const std::lock_guard lock(mutex_);
        completed_ = std::max(completed_, count);
        ++waits_;
    }

    /// How often the host has waited.
    uint64_t waits() const {
        const std::lock_guard lock(mutex_);
        return waits_;
    }

    /// A clause about the launches that have not: "the kernel that went wrong is …".
    std::string suspects() {
        const std::lock_guard lock(mutex_);
        const uint64_t running = count_ - completed_;
        if (running == 0) return "no kernel was running";
        std::string text = "the kernel that went wrong is ";
        if (running == 1) return text + described(launches_[completed_ % launches_.size()]);
        text += "one of the " + std::to_string(running) + " launched since the host last waited: ";
        if (running > launches_.size()) text += "earlier ones, ";
        const std::vector<Launch> different = distinct();
        const bool briefly = different.size() > most_in_full;
        std::vector<std::string> told;
        for (const Launch& launch : different) {
            const std::string one = described(launch, briefly);
            if (std::find(told.begin(), told.end(), one) != told.end()) continue;
            text += (told.empty() ? "" : ", ") + one;
            told.push_back(one);
        }
        return text + "; CUDA_LAUNCH_BLOCKING=1 in the environment tells which";
    }

    /// "launch of add_packs<float> … failed: REASON", as an Error, or as a DeviceFault if `status` is one.
    [[noreturn]] void throw_failed_launch(const void* kernel, Extent grid, Extent block, int status,
                                          const std::string& reason) {
        const std::string sentence = "launch of " + name_under_mutex(kernel) + " with " + grid.text() +
                                     " blocks of " + block.text() + " threads failed: " + reason;
        if (is_device_fault(status)) throw DeviceFault(sentence + "; " + suspects());
        throw Error(sentence);
    }

  private:
    static constexpr size_t most_in_full = 6;  // in a sentence

    struct Launch {
        const void* kernel = nullptr;
        Extent grid{}, block{};
        RunningKernel running{};
        uint64_t graph_kernels = 0;  // of a graph, which has no kernel of its own
    };

    std::string name_under_mutex(const void* kernel) {
        const std::lock_guard lock(mutex_);
        return name(kernel);
    }

    const std::string& name(const void* kernel) {
        const auto [known, is_new] = known_names_.try_emplace(kernel);
        if (is_new) known->second = name_of_(kernel);
        return known->second;
    }

    /// "add_packs<float> (add_forward packs, 12 x 1 x 1 blocks of 256 x 1 x 1 threads)"; briefly, without
    /// what is in angle brackets and without the extents.
    std::string described(const Launch& launch, bool briefly = false) {
        if (launch.graph_kernels > 0)
            return "one of the " + std::to_string(launch.graph_kernels) + " in a graph of a whole step";
        std::string text = name(launch.kernel);
        if (briefly) text.erase(std::min(text.find('<'), text.size()));
        std::string details;
        if (launch.running.kernel != nullptr) {
            details = std::string(launch.running.kernel) + " " + launch.running.implementation;
        }
        if (!briefly) {
            details += (details.empty() ? "" : ", ") + launch.grid.text() + " blocks of " +
                       launch.block.text() + " threads";
        }
        return text + (details.empty() ? "" : " (" + details + ")");
    }

    /// Of the running ones, the first of each kernel and implementation, the oldest first.
    std::vector<Launch> distinct() const {
        std::vector<Launch> found;
        const uint64_t oldest = count_ - std::min<uint64_t>(count_ - completed_, launches_.size());
        for (uint64_t i = oldest; i < count_; ++i) {
            const Launch& launch = launches_[i % launches_.size()];
            const bool known = std::any_of(found.begin(), found.end(), [&](const Launch& other) {
                return other.kernel == launch.kernel && other.running.kernel == launch.running.kernel &&
                       other.running.implementation == launch.running.implementation;
            });
            if (!known) found.push_back(launch);
        }
        return found;
    }

    const NameOf name_of_;
    const Names names_;
    mutable std::mutex mutex_;
    std::array<Launch, 1024> launches_{};  // the last ones, by number
    uint64_t count_ = 0;
    uint64_t completed_ = 0;
    uint64_t waits_ = 0;
    bool capturing_ = false;
    uint64_t captured_ = 0;  // launches since it began
    std::map<const void*, std::string> known_names_;
};

}  // namespace vitrine
