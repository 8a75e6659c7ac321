// Time that has passed.
#pragma once

#include <chrono>

namespace vitrine::train {

class Stopwatch {
  public:
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }
    /// The seconds so far; starts again at 0.
    double restart() {
        const double passed = seconds();
        start_ = std::chrono::steady_clock::now();
        return passed;
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace vitrine::train
