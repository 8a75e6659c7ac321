// What is reported: one line for an implementation of a kernel, in one type, on one problem.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lab/gradcheck/harness/compare.h"

namespace vitrine::gradcheck {

/// The worst error of one kind, and where it is.
struct Measure {
    double error = 0;
    std::string where;  // tensor, and the variant if it is not the plain one
    Worst worst;
};

enum class Status { passed, failed, refused };

struct Line {
    std::string kernel;
    std::string implementation;
    std::string type;
    std::string shape;
    Status status = Status::passed;
    std::string refusal{};                 // why, if refused
    std::optional<Measure> differences{};  // relative error against central differences
    std::optional<Measure> reference{};    // normalised mean-square error against the reference
    std::vector<std::string> failures{};   // a sentence each

    void fail(std::string sentence) {
        status = Status::failed;
        failures.push_back(std::move(sentence));
    }
};

using Sink = std::function<void(const Line&)>;

std::string to_text(const Line& line);
std::string to_json(const Line& line);

}  // namespace vitrine::gradcheck
