// Running something on the simt device with the executor counting traffic.
#pragma once

#include <functional>
#include <vector>

#include "kernels/simt/launch.h"

namespace vitrine::gradcheck {

/// While it lives, the simt device counts traffic and keeps its reports.
class Counting {
  public:
    Counting();
    ~Counting();
    Counting(const Counting&) = delete;
    Counting& operator=(const Counting&) = delete;

    /// Of the launches since the last call.
    std::vector<simt::LaunchReport> take() const { return simt::take_reports(); }

  private:
    simt::Settings before_;
};

}  // namespace vitrine::gradcheck
