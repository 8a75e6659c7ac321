// Measuring a model on the validation images, and what can be learnt from its mistakes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "data/image_set.h"
#include "tools/common/input_maker.h"
#include "tools/common/scores.h"
#include "tools/train/metrics.h"
#include "tools/train/ranks.h"
#include "tools/train/reporter.h"

namespace vitrine::train {

/// Collects which classes were taken for which, and the images that were most surely wrong.
class ConfusionStatistics {
  public:
    explicit ConfusionStatistics(int64_t classes) : right_(static_cast<size_t>(classes)), images_(right_) {}

    /// `logits` [labels, classes]; `samples` are the images' numbers in their set.
    void add(std::span<const float> logits, std::span<const int32_t> labels,
             std::span<const int64_t> samples);
    ClassScores class_scores() const;
    /// Mean of the recalls of the classes that have images.
    double balanced_accuracy() const;
    /// validation.json: which weights made them, worst classes, most frequent confusions, most wrong images
    /// of `set`.
    Json to_json(int64_t epoch, Weights weights, const ImageSet& set) const;

  private:
    struct Wrong {
        float probability = 0.0F;  // of the class that was predicted
        int64_t sample = 0;
        int32_t label = 0, predicted = 0;
    };
    std::vector<int64_t> worst_classes(size_t count) const;
    void keep_if_most_wrong(const Wrong& wrong);

    std::vector<int64_t> right_, images_;                        // [classes]
    std::map<std::pair<int32_t, int32_t>, int64_t> confusions_;  // (label, predicted), wrong ones only
    std::vector<Wrong> most_wrong_;                              // the surest first
};

/// The whole set in its order. `mistakes` may be null. Several processes take a batch each in turn, and all come to the same. An
/// interruption of one of them ends it early: see interrupt.h.
tools::Scores evaluate(nn::Module& model, InputMaker& inputs, const ImageSet& set, int64_t batch_size,
                       ConfusionStatistics* mistakes, Reporter& reporter, Ranks& ranks);
/// One batch of the set, drawn from all of it: in its order the first images may be of a single class.
tools::Scores evaluate_one_batch(nn::Module& model, InputMaker& inputs, const ImageSet& set,
                                 int64_t batch_size, uint64_t seed);

}  // namespace vitrine::train
