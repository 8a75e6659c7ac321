// The processes of a run: see ranks.h.

#include "tools/train/ranks.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <iostream>
#include <numeric>
#include <span>
#include <vector>

#include "engine/error.h"
#include "tools/common/run_program.h"

namespace vitrine::train {
namespace {

constexpr double seconds_to_end = 10.0;      // for the others, where all should have come to the same end
constexpr double seconds_to_write = 3600.0;  // for the first, whose report and weights go to a slow disk

/// Another process has failed, and says so itself.
struct OthersFailed {
    int code;
};

/// Behind which a process tells what has ended it.
std::string name_of(const Collective& processes) {
    return processes.rank() == 0 ? "train" : fmt::format("train, process {}", processes.rank());
}

template <class T>
std::span<std::byte> bytes_of(std::vector<T>& values) {
    return std::as_writable_bytes(std::span(values));
}

}  // namespace

Ranks::Agreed Ranks::agree(int code) {
    std::vector<int32_t> codes(static_cast<size_t>(count()));
    codes[static_cast<size_t>(processes_.rank())] = code;
    processes_.gather(bytes_of(codes));
    const auto failed = std::ranges::find_if(codes, [](int32_t each) { return each != 0; });
    if (failed == codes.end()) return {};
    return {static_cast<int>(failed - codes.begin()), *failed};
}

void Ranks::wait_for_all() {
    if (const Agreed agreed = agree(0); agreed.code != 0) throw OthersFailed{agreed.code};
}

std::string Ranks::told_by_first(const std::string& text) {
    wait_for_all();
    const int64_t size = largest(is_first() ? static_cast<int64_t>(text.size()) : 0);
    std::vector<char> told(text.begin(), text.end());
    told.resize(static_cast<size_t>(size));
    processes_.broadcast(bytes_of(told), 0);
    return {told.begin(), told.end()};
}

std::optional<int> Ranks::other_than_first(const std::string& bytes) {
    wait_for_all();
    std::vector<uint64_t> hashes(static_cast<size_t>(count()));
    hashes[static_cast<size_t>(processes_.rank())] = XXH3_64bits(bytes.data(), bytes.size());
    processes_.gather(bytes_of(hashes));
    const auto other = std::ranges::find_if(hashes, [&](uint64_t hash) { return hash != hashes.front(); });
    if (other == hashes.end()) return std::nullopt;
    return static_cast<int>(other - hashes.begin());
}

void Ranks::require_same(const char* what, const std::string& bytes) {
    if (const std::optional<int> other = other_than_first(bytes))
        throw Error(fmt::format(
            "process {} has another {} than process 0, but all train together: start them with the same",
            *other, what));
}

void Ranks::begin(double patience_seconds) {
    wait_for_all();
    processes_.set_patience(patience_seconds);
    begun_ = true;
}

Ranks::Waited Ranks::waited() {
    std::vector<double> seconds(static_cast<size_t>(count()));
    const double now = processes_.waited_seconds();
    seconds[static_cast<size_t>(processes_.rank())] = now - waited_before_;
    processes_.gather(bytes_of(seconds));
    return {std::accumulate(seconds.begin(), seconds.end(), 0.0) / count(),
            std::ranges::min_element(seconds) - seconds.begin()};
}

int Ranks::agreed_code(const std::function<int(Ranks&)>& body) {
    try {
        const int code = body(*this);
        return begun_ ? code : agree(code).code;
    } catch (const AbsentProcess&) {
        throw;
    } catch (const OthersFailed& failed) {
        return failed.code;
    } catch (const std::exception&) {
        const tools::ProgramEnding ending = tools::ending_of_exception();
        if (!several()) throw;
        if (begun_) {
            tools::tell(name_of(processes_).c_str(), ending.sentence);
            processes_.end_all(ending.code);
        }
        const Agreed agreed = agree(ending.code);
        if (agreed.process == processes_.rank() && !ending.sentence.empty())
            tools::tell(name_of(processes_).c_str(), ending.sentence);
        return agreed.code;
    }
}

int run_together(Collective& processes, const std::function<int(Ranks&)>& body) {
    Ranks ranks(processes);
    std::string absence;
    try {
        const int code = ranks.agreed_code(body);
        // A launcher kills the others when the first one has ended with a code: what is to be told is told before.
        std::cout.flush();
        if (!processes.meet(code == 0 ? seconds_to_write : seconds_to_end)) processes.end_all(code);
        return code;
    } catch (const EndedElsewhere& ended) {
        return ended.code;
    } catch (const AbsentProcess& absent) {
        absence = absent.what();
    }
    // All that wait find the same: the first of them is quickest to say it, and ends the others.
    if (const std::optional<int> code = processes.ended_within(processes.rank())) return *code;
    tools::tell("train",
                fmt::format("{}; all processes end, and the run goes on from its last checkpoint", absence));
    processes.end_all(1);
    return 1;  // g++ does not know of a virtual function that it never returns
}

}  // namespace vitrine::train
