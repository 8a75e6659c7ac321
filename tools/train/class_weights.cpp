// What classes count for: see class_weights.h.

#include "tools/train/class_weights.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/escape.h"

namespace vitrine::train {
namespace {

using recipe::ClassWeighting;

constexpr size_t most_named = 5;  // more would bury the sentence

/// "'cat', 'dog' and 7 more"
std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (size_t i = 0; i < std::min(names.size(), most_named); ++i)
        text += fmt::format("{}'{}'", i == 0 ? "" : ", ", escape(names[i]));
    return names.size() <= most_named ? text : fmt::format("{} and {} more", text, names.size() - most_named);
}

std::vector<double> balanced_weights(const std::vector<int64_t>& images) {
    double all = 0.0, classes = 0.0;
    for (const int64_t count : images) {
        all += static_cast<double>(count);
        classes += count > 0 ? 1.0 : 0.0;
    }
    std::vector<double> weights;
    for (const int64_t count : images)
        weights.push_back(count == 0 ? 0.0 : all / (classes * static_cast<double>(count)));
    return weights;
}

/// The table's, in the order of the classes.
std::vector<double> listed_weights(const std::map<std::string, double>& table, const std::string& key,
                                   const std::vector<std::string>& classes) {
    std::vector<double> weights(classes.size());
    std::vector<std::string> unknown, missing = classes;
    for (const auto& [text, weight] : table) {
        const std::string name = unescape(text);
        const auto found = std::ranges::find(classes, name);
        if (found == classes.end()) {
            unknown.push_back(name);
            continue;
        }
        weights[static_cast<size_t>(found - classes.begin())] = weight;
        std::erase(missing, name);
    }
    if (!unknown.empty())
        throw Error(fmt::format("{} names {}, which the data have no class of; their classes are {}", key,
                                listed(unknown), listed(classes)));
    if (!missing.empty())
        throw Error(
            fmt::format("{} has no weight for {}: a table names every class, with 0 where one is to "
                        "count for nothing",
                        key, listed(missing)));
    return weights;
}

std::vector<double> weights_of(const ClassWeighting& weighting, const char* name, const Dataset& dataset) {
    const std::string key = fmt::format("training.{}", name);
    const std::vector<int64_t> images = images_of_classes(dataset);
    if (weighting.kind == ClassWeighting::Kind::alike) return {};
    if (weighting.kind == ClassWeighting::Kind::balanced) return balanced_weights(images);
    std::vector<double> weights = listed_weights(weighting.weights, key, dataset.class_names);
    for (size_t k = 0; k < images.size(); ++k) {
        if (images[k] > 0 && weights[k] > 0.0) return weights;
    }
    throw Error(fmt::format("{} gives a weight above 0 to classes alone that have no training images", key));
}

/// "0.525 ('cat') to 10.5 ('lynx')"
std::string range_of(const std::vector<double>& weights, const Dataset& dataset) {
    const auto [least, most] = std::ranges::minmax_element(weights);
    const auto each = [&](auto place) {
        return fmt::format("{:.4g} ('{}')", *place,
                           escape(dataset.class_names[static_cast<size_t>(place - weights.begin())]));
    };
    return fmt::format("{} to {}", each(least), each(most));
}

}  // namespace

std::vector<int64_t> images_of_classes(const Dataset& dataset) {
    std::vector<int64_t> images(dataset.class_names.size(), 0);
    for (const int32_t label : dataset.train.labels) ++images[static_cast<size_t>(label)];
    return images;
}

ClassWeights class_weights_of(const recipe::TrainingSettings& training, const Dataset& dataset) {
    return {weights_of(training.class_weights, "class_weights", dataset),
            weights_of(training.sampler, "sampler", dataset)};
}

std::vector<std::pair<std::string, std::string>> describe(const ClassWeights& weights,
                                                          const Dataset& dataset) {
    std::vector<std::pair<std::string, std::string>> lines;
    if (!weights.loss.empty())
        lines.emplace_back("loss",
                           fmt::format("each image counts by its class's weight, {}; in validation all "
                                       "count alike",
                                       range_of(weights.loss, dataset)));
    if (!weights.sampling.empty())
        lines.emplace_back("sampler",
                           fmt::format("images are drawn with replacement by their classes' weights, {}",
                                       range_of(weights.sampling, dataset)));
    return lines;
}

}  // namespace vitrine::train
