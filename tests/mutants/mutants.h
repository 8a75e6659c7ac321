// The kernels with a planted defect, one each: the list that make_mutants.py makes of mutants.json.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace vitrine {

struct Mutant {
    std::string name;
    std::string what;                          // the file, and what is wrong there
    std::string op;                            // whose problems must catch it
    std::vector<std::string> kernels;          // that are replaced, and checked
    std::vector<std::string> implementations;  // that are checked; empty: all
    std::vector<std::string> problems;         // a part of the text of each problem that is tried
    std::string caught_by;                     // a part of what must be said against it
    void (*put_into)(KernelTable& table);
};

const std::vector<Mutant>& mutants();

}  // namespace vitrine
