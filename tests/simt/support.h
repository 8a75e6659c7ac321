// What the tests of the SIMT executor share: buffers of its device, and settings for one test.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kernels/error.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/memory.h"

namespace vitrine::simt {

/// A buffer of the simt device.
template <class T>
class Buffer {
  public:
    explicit Buffer(size_t size) : size_(size), data_(static_cast<T*>(allocate(size * sizeof(T)))) {}
    explicit Buffer(const std::vector<T>& values) : Buffer(values.size()) {
        copy_from_host(data_, values.data(), size_ * sizeof(T));
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { release(data_); }

    T* data() const { return data_; }
    std::vector<T> values() const {
        std::vector<T> result(size_);
        copy_to_host(result.data(), data_, size_ * sizeof(T));
        return result;
    }

  private:
    size_t size_;
    T* data_;
};

/// Settings that hold until the end of the scope.
class SettingsScope {
  public:
    explicit SettingsScope(const Settings& settings) : before_(simt::settings()) { set_settings(settings); }
    ~SettingsScope() {
        set_settings(before_);
        take_reports();
    }
    SettingsScope(const SettingsScope&) = delete;
    SettingsScope& operator=(const SettingsScope&) = delete;

  private:
    Settings before_;
};

/// The report of the one launch that f makes, findings and all.
template <class F>
LaunchReport report_of(F&& f, Settings settings = {}) {
    settings.throw_findings = false;
    settings.keep_reports = true;
    const SettingsScope scope(settings);
    f();
    std::vector<LaunchReport> reports = take_reports();
    if (reports.size() != 1) throw std::logic_error("one launch was expected");
    return reports.front();
}

/// All findings, a line each, as "kind at place: message".
inline std::string shown_findings(const LaunchReport& report) {
    std::string text;
    for (const Finding& finding : report.findings) {
        text += std::string(name_of(finding.kind)) + " at " + finding.where + ": " + finding.message + "\n";
    }
    return text;
}

/// Orders of blocks and threads, and numbers of OS threads: what holds holds in all of them.
inline const std::vector<Settings> all_orders{{.order = Order::ascending},
                                              {.order = Order::descending},
                                              {.order = Order::shuffled, .seed = 1},
                                              {.threads = 3, .order = Order::shuffled, .seed = 2},
                                              {.threads = 1}};

/// Checks that the one launch of `run` has no finding in any order.
template <class F>
void expect_none(F&& run) {
    for (const Settings& settings : all_orders) {
        const LaunchReport report = report_of(run, settings);
        CHECK_MESSAGE(report.findings.empty(), shown_findings(report));
    }
}

}  // namespace vitrine::simt
