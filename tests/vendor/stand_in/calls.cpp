// Counting and failing: see calls.h.

#include "tests/vendor/stand_in/calls.h"

#include <cstdlib>
#include <map>
#include <mutex>

namespace vitrine::stand_in {
namespace {

std::mutex mutex;
std::map<std::string, long, std::less<>> counts;

/// The text after `function=` in VITRINE_STAND_IN_FAILS, or nothing.
std::string wanted_failure(const std::string& function) {
    const char* const all = std::getenv("VITRINE_STAND_IN_FAILS");
    if (all == nullptr) return "";
    const std::string text = "," + std::string(all) + ",";
    const size_t at = text.find("," + function + "=");
    if (at == std::string::npos) return "";
    const size_t begin = at + function.size() + 2;
    return text.substr(begin, text.find(',', begin) - begin);
}

}  // namespace

int begin_call(const char* function) {
    {
        const std::lock_guard lock(mutex);
        ++counts[function];
    }
    const std::string wanted = wanted_failure(function);
    if (wanted == "abort") std::abort();
    return wanted.empty() ? 0 : std::stoi(wanted);
}

std::string& last_sentence() {
    static thread_local std::string sentence;
    return sentence;
}

}  // namespace vitrine::stand_in

long vitrine_stand_in_calls(const char* function) {
    const std::lock_guard lock(vitrine::stand_in::mutex);
    const auto found = vitrine::stand_in::counts.find(function);
    return found == vitrine::stand_in::counts.end() ? 0 : found->second;
}
