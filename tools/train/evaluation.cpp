// Measuring a model on the validation images: see evaluation.h.

#include "tools/train/evaluation.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "data/loader.h"
#include "engine/step/ahead.h"
#include "tools/common/base64.h"
#include "tools/common/shown_image.h"
#include "tools/preview/canvas.h"
#include "tools/train/interrupt.h"

namespace vitrine::train {
namespace {

constexpr size_t most_wrong_images = 24;
constexpr size_t listed_classes = 12;
constexpr size_t listed_confusions = 40;

/// softmax of the largest logit.
float probability_of_largest(std::span<const float> logits, float largest) {
    double sum = 0.0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
    return static_cast<float>(1.0 / sum);
}

/// A NaN of nothing.
double share(int64_t part, int64_t whole) {
    return whole == 0 ? std::nan("") : static_cast<double>(part) / static_cast<double>(whole);
}

LoaderOptions loader_for(const InputMaker& inputs, const ImageSet& set, int64_t batch_size) {
    LoaderOptions options;
    options.batch_size = std::min(batch_size, set.count);
    options.shuffle = false;
    inputs.ask(options);
    return options;
}

std::string png_of_sample(const ImageSet& set, int64_t sample) {
    const std::vector<uint8_t> png = tools::png_of(tools::shown_image(set, sample));
    return {png.begin(), png.end()};
}

/// A batch for each process.
struct Round {
    std::vector<Batch> batches;
    size_t count = 0;    // of them: fewer in the last one
    NetworkInput input;  // of this process's; without images: not made yet

    void fill(Loader& loader) {
        for (count = 0; count < batches.size() && loader.next(batches[count]);) ++count;
    }
};

/// What each process has found of its batch becomes known to all. The last of them may have had none.
void share(std::vector<Evaluation>& outputs, const std::vector<Batch>& batches, Ranks& ranks) {
    if (!ranks.several()) return;
    const auto me = static_cast<size_t>(ranks.processes().rank());
    const auto images = [&](size_t i) { return static_cast<size_t>(batches[i].count); };
    const int64_t own_classes =
        me < outputs.size() ? std::ssize(outputs[me].logits) / static_cast<int64_t>(images(me)) : 0;
    const auto classes = static_cast<size_t>(ranks.largest(own_classes));
    const size_t part = 1 + images(0) * classes;  // the loss, and the logits of the fullest batch
    std::vector<double> parts(batches.size() * part);
    if (me < outputs.size()) {
        parts[me * part] = outputs[me].loss;
        std::ranges::copy(outputs[me].logits, parts.begin() + static_cast<std::ptrdiff_t>(me * part + 1));
    }
    ranks.processes().gather(std::as_writable_bytes(std::span(parts)));
    for (size_t i = 0; i < outputs.size(); ++i) {
        const auto begin = parts.begin() + static_cast<std::ptrdiff_t>(i * part);
        outputs[i].loss = *begin;
        outputs[i].logits.assign(begin + 1, begin + 1 + static_cast<std::ptrdiff_t>(images(i) * classes));
    }
}

}  // namespace

void ConfusionStatistics::add(std::span<const float> logits, std::span<const int32_t> labels,
                              std::span<const int64_t> samples) {
    const size_t classes = right_.size();
    for (size_t i = 0; i < labels.size(); ++i) {
        const std::span<const float> own = logits.subspan(i * classes, classes);
        const auto largest = std::ranges::max_element(own);
        const auto predicted = static_cast<int32_t>(largest - own.begin());
        const auto label = static_cast<size_t>(labels[i]);
        ++images_[label];
        if (predicted == labels[i]) {
            ++right_[label];
            continue;
        }
        ++confusions_[{labels[i], predicted}];
        keep_if_most_wrong({probability_of_largest(own, *largest), samples[i], labels[i], predicted});
    }
}

void ConfusionStatistics::keep_if_most_wrong(const Wrong& wrong) {
    const auto place =
        std::ranges::upper_bound(most_wrong_, wrong.probability, std::greater{}, &Wrong::probability);
    most_wrong_.insert(place, wrong);
    if (most_wrong_.size() > most_wrong_images) most_wrong_.pop_back();
}

std::vector<int64_t> ConfusionStatistics::worst_classes(size_t count) const {
    std::vector<int64_t> classes(right_.size());
    std::iota(classes.begin(), classes.end(), int64_t{0});
    const auto accuracy = [&](int64_t c) {
        const auto i = static_cast<size_t>(c);
        return images_[i] == 0 ? 2.0 : static_cast<double>(right_[i]) / static_cast<double>(images_[i]);
    };
    std::ranges::stable_sort(classes, std::less{}, accuracy);
    classes.resize(std::min(count, classes.size()));
    return classes;
}

ClassScores ConfusionStatistics::class_scores() const {
    std::vector<int64_t> predicted = right_;
    for (const auto& [pair, count] : confusions_) predicted[static_cast<size_t>(pair.second)] += count;
    ClassScores scores;
    for (size_t i = 0; i < right_.size(); ++i) {
        scores.precision.push_back(share(right_[i], predicted[i]));
        scores.recall.push_back(share(right_[i], images_[i]));
    }
    return scores;
}

double ConfusionStatistics::balanced_accuracy() const {
    double sum = 0.0;
    int64_t classes = 0;
    for (const double recall : class_scores().recall) {
        if (std::isnan(recall)) continue;
        sum += recall;
        ++classes;
    }
    return classes == 0 ? 0.0 : sum / static_cast<double>(classes);
}

Json ConfusionStatistics::to_json(int64_t epoch, Weights weights, const ImageSet& set) const {
    Json json = {{"epoch", epoch}, {"weights", name_of(weights)}, {"classes", right_.size()}};
    const ClassScores scores = class_scores();
    json["balanced_accuracy"] = balanced_accuracy();
    json["per_class"] = {{"images", images_}, {"precision", scores.precision}, {"recall", scores.recall}};
    const std::vector<int64_t> worst = worst_classes(listed_classes);
    Json& listed = json["worst_classes"] = Json::array();
    for (const int64_t c : worst) {
        const auto i = static_cast<size_t>(c);
        const double accuracy = images_[i] == 0 ? 0.0 : share(right_[i], images_[i]);
        listed.push_back({{"class", c}, {"accuracy", accuracy}, {"images", images_[i]}});
    }
    std::vector<std::pair<int64_t, std::pair<int32_t, int32_t>>> by_count;
    for (const auto& [pair, count] : confusions_) by_count.emplace_back(-count, pair);
    std::ranges::sort(by_count);
    by_count.resize(std::min(by_count.size(), listed_confusions));
    Json& pairs = json["confusions"] = Json::array();
    for (const auto& [count, pair] : by_count)
        pairs.push_back({{"class", pair.first}, {"predicted", pair.second}, {"count", -count}});

    Json counts = Json::array();
    for (const int64_t label : worst) {
        Json row = Json::array();
        for (const int64_t predicted : worst) {
            const auto found =
                confusions_.find({static_cast<int32_t>(label), static_cast<int32_t>(predicted)});
            row.push_back(label == predicted           ? right_[static_cast<size_t>(label)]
                          : found == confusions_.end() ? 0
                                                       : found->second);
        }
        counts.push_back(row);
    }
    json["confusion"] = {{"labels", worst}, {"counts", counts}};

    Json& wrong = json["most_wrong"] = Json::array();
    for (const Wrong& each : most_wrong_) {
        wrong.push_back({{"sample", each.sample},
                         {"class", each.label},
                         {"predicted", each.predicted},
                         {"probability", each.probability},
                         {"image", tools::base64(png_of_sample(set, each.sample))}});
    }
    return json;
}

tools::Scores evaluate(nn::Module& model, InputMaker& inputs, const ImageSet& set, int64_t batch_size,
                       ConfusionStatistics* mistakes, Reporter& reporter, Ranks& ranks) {
    const auto me = static_cast<size_t>(ranks.processes().rank());
    const auto processes = static_cast<size_t>(ranks.count());
    LoaderOptions options = loader_for(inputs, set, batch_size);
    options.turn = {ranks.processes().rank(), ranks.count()};
    Loader loader(set, options);
    loader.start_epoch(0);
    tools::Scores scores;
    Round round, following;
    for (Round* each : {&round, &following}) each->batches.resize(processes);
    following.fill(loader);
    for (int64_t done = 0; done < loader.batches() && ranks.largest(interrupted_by()) == 0;) {
        std::swap(round, following);
        const std::vector<Batch>& batches = round.batches;
        if (me < round.count && !round.input.images.defined()) round.input = inputs.make(batches[me], 0);
        wait_for_ahead(inputs.device());
        following.fill(loader);
        if (me < following.count && has_input_lane(inputs.device())) {
            const AheadOfStep ahead(inputs.device());
            following.input = inputs.make(following.batches[me], 0);
        }
        std::vector<Evaluation> outputs(round.count);
        if (me < round.count) outputs[me] = vitrine::evaluate(model, std::exchange(round.input, {}));
        share(outputs, batches, ranks);
        for (size_t i = 0; i < round.count; ++i) {
            scores.add(outputs[i], batches[i].labels);
            if (mistakes != nullptr) mistakes->add(outputs[i].logits, batches[i].labels, batches[i].samples);
            reporter.validating(++done, loader.batches());
        }
    }
    return scores;
}

tools::Scores evaluate_one_batch(nn::Module& model, InputMaker& inputs, const ImageSet& set,
                                 int64_t batch_size, uint64_t seed) {
    LoaderOptions options = loader_for(inputs, set, batch_size);
    options.shuffle = true;
    options.seed = seed;
    Loader loader(set, options);
    loader.start_epoch(0);
    tools::Scores scores;
    Batch batch;
    if (loader.next(batch)) scores.add(vitrine::evaluate(model, inputs.make(batch, 0)), batch.labels);
    return scores;
}

}  // namespace vitrine::train
