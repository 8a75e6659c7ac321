// Planted failures: see kernels/simt/planted_fault.h.

#include "kernels/simt/executor/device_status.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

#include "kernels/error.h"
#include "kernels/simt/executor/error_names.h"
#include "kernels/simt/executor/streams.h"
#include "kernels/simt/executor/symbols.h"

namespace vitrine::simt {
namespace {

constexpr const char* variable = "VITRINE_SIMT_FAULT";

uint64_t number_from(std::string_view text, std::string_view whole) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return number;
    throw Error(fmt::format("{}: '{}' is no number of launches or calls in '{}'", variable, text, whole));
}

}  // namespace

constinit thread_local cudaError_t last_error = cudaSuccess;

PlantedFault fault_from_text(std::string_view text) {
    PlantedFault fault;
    const size_t at = text.find('@');
    fault.error = error_named(text.substr(0, at));
    if (fault.error == cudaSuccess) {
        throw Error(
            fmt::format("{}: '{}' is no error of CUDA's runtime that the simt device knows; there are {}",
                        variable, text.substr(0, at), known_errors()));
    }
    if (at == text.npos) {
        fault.launch = 0;
        return fault;
    }
    const std::string_view place = text.substr(at + 1);
    const size_t colon = place.rfind(':');
    if (colon == place.npos)
        throw Error(fmt::format("{}: write '{}' as ERROR@KERNEL:LAUNCH or ERROR@KERNEL:LAUNCH+CALLS",
                                variable, text));
    fault.kernel = place.substr(0, colon);
    const std::string_view numbers = place.substr(colon + 1);
    const size_t plus = numbers.find('+');
    fault.launch = number_from(numbers.substr(0, plus), text);
    if (fault.launch == 0) throw Error(fmt::format("{}: launches count from 1 in '{}'", variable, text));
    if (plus != numbers.npos) fault.unnoticed_calls = number_from(numbers.substr(plus + 1), text);
    return fault;
}

void plant_fault(const PlantedFault& fault) { DeviceStatus::instance().plant(fault); }
void remove_fault() { DeviceStatus::instance().plant(std::nullopt); }

DeviceStatus& DeviceStatus::instance() {
    static DeviceStatus& status = *new DeviceStatus;
    return status;
}

DeviceStatus::DeviceStatus() {
    const char* text = std::getenv(variable);
    if (text != nullptr) plant(fault_from_text(text));
}

void DeviceStatus::plant(std::optional<PlantedFault> fault) {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
    launches_ = calls_ = 0;
    failed_ = noticed_ = fault_ && fault_->launch == 0;
    last_error = cudaSuccess;
}

/// Copies that have not happened by now never will.
cudaError_t DeviceStatus::notice() {
    if (!noticed_) Streams::instance().drop_all();
    noticed_ = true;
    return fault_->error;
}

cudaError_t DeviceStatus::at_call() {
    const std::lock_guard lock(mutex_);
    if (!failed_) return cudaSuccess;
    const bool late = fault_->unnoticed_calls && calls_++ >= *fault_->unnoticed_calls;
    return noticed_ || late ? notice() : cudaSuccess;
}

cudaError_t DeviceStatus::at_wait() {
    const std::lock_guard lock(mutex_);
    return failed_ ? notice() : cudaSuccess;
}

cudaError_t DeviceStatus::noticed() const {
    const std::lock_guard lock(mutex_);
    return noticed_ ? fault_->error : cudaSuccess;
}

bool DeviceStatus::failed() const {
    const std::lock_guard lock(mutex_);
    return failed_;
}

void DeviceStatus::launched(const void* kernel) {
    const std::lock_guard lock(mutex_);
    if (!fault_ || failed_) return;
    if (!fault_->kernel.empty() && function_name(kernel).find(fault_->kernel) == std::string::npos) return;
    failed_ = ++launches_ == fault_->launch;
}

}  // namespace vitrine::simt
