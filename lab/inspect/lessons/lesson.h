// The exercises of the course (tools/lessons/): what each asks, and the check of an answer.
//
// A check knows no answers. It lets the engine do what the exercise describes, kernels of the reference device or of simt, and
// compares.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace vitrine::inspect {

struct Verdict {
    bool right;
    std::string words;  // one sentence: what is right, or where to look
};

struct Lesson {
    int number;            // from 1, without gaps
    const char* page;      // in tools/lessons/: "01_gradient.md"
    const char* exercise;  // several lines
    /// Of what stands behind --check. Throws Error for what is no answer to this exercise.
    Verdict (*check)(const std::string& answer);
};

/// All of them, in their order.
std::span<const Lesson> lessons();

/// "5, 8, 10": so many numbers with commas or spaces between. Throws Error if it is anything else.
std::vector<double> numbers_of(const std::string& answer, size_t count);

/// Whether each given number is the engine's, to three digits: |given − right| ≤ 0.0006 · max(1, |right|). The verdict
/// never says what is right, but which number is not, and `hint`.
Verdict compare_numbers(const std::vector<double>& given, const std::vector<double>& right,
                        const std::string& hint);

// The checks, in the files of their subjects.
Verdict check_gradient(const std::string& answer);       // gradient.cpp
Verdict check_batch_norm(const std::string& answer);     // batch_norm.cpp
Verdict check_momentum(const std::string& answer);       // momentum.cpp
Verdict check_sectors(const std::string& answer);        // sectors.cpp
Verdict check_mistakes(const std::string& answer);       // mistakes.cpp
Verdict check_tape(const std::string& answer);           // tape.cpp
Verdict check_cross_entropy(const std::string& answer);  // cross_entropy.cpp
Verdict check_schedule(const std::string& answer);       // schedule.cpp
Verdict check_fusion(const std::string& answer);         // fusion.cpp
Verdict check_barriers(const std::string& answer);       // barriers.cpp
Verdict check_step(const std::string& answer);           // step.cpp
Verdict check_tensor_cores(const std::string& answer);   // tensor_cores.cpp

}  // namespace vitrine::inspect
