// What goes into the file of --csv: a table with its classes filled in, or rows in the order of the images.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/tables/answer_table.h"
#include "tools/predict/predictions.h"

namespace vitrine::predict {

/// Where the data's own tables say how answers look, they look so: sample_submission.csv or test.csv with its
/// rows, its ids and its order; else rows as in the training table; else Id,Category.
class Submission {
  public:
    /// `classes` are the model's, as text (engine/escape.h).
    Submission(std::optional<AnswerTable> table, std::optional<AnswerStyle> style,
               std::vector<std::string> classes);

    /// How many guesses an image needs: 1, or all where the table has a column for each class.
    int64_t guesses_needed() const;
    /// The guesses of an image, the most probable first.
    void add(const std::filesystem::path& image, const std::vector<Guess>& guesses);
    /// Whole or not at all. Rows of images that were not added are left out.
    void write(const std::filesystem::path& file) const;

  private:
    std::string text_of_table() const;

    std::optional<AnswerTable> table_;
    AnswerStyle style_;
    std::vector<std::string> classes_;
    std::map<std::filesystem::path, std::vector<Guess>> guesses_;  // for a table
    std::string rows_;                                             // without one
    std::map<std::string, int> ids_;
};

/// "the classes are written as 'sample_submission.csv' has them …": what the user should know of the table.
std::vector<std::string> notices_of(const AnswerTable& table);

}  // namespace vitrine::predict
