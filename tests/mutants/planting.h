// Plants a defect: the tests' side of planted.h.
#pragma once

#include "tests/mutants/planted.h"

namespace vitrine {

inline int planted_number = 0;

/// The defect with this number is there for as long as a scope lasts.
class Planted {
  public:
    explicit Planted(int number) { planted_number = number; }
    ~Planted() { planted_number = 0; }
    Planted(const Planted&) = delete;
    Planted& operator=(const Planted&) = delete;
};

}  // namespace vitrine
