// Where a run is: see progress.h.

#include "tools/train/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/error.h"

namespace vitrine::train {
namespace {

[[noreturn]] void refuse(const std::string& what, const char* wanted) {
    throw Error(fmt::format("{} is not {}", what, wanted));
}

/// Other kinds of numbers are not converted: 1e300 is no whole number.
int64_t whole(const Json& json, const std::string& what) {
    const bool fits =
        json.is_number_integer() &&
        (!json.is_number_unsigned() || json.get<uint64_t>() <= std::numeric_limits<int64_t>::max());
    if (!fits) refuse(what, "a whole number");
    return json.get<int64_t>();
}

double number(const Json& json, const std::string& what) {
    if (!json.is_number() || !std::isfinite(json.get<double>())) refuse(what, "a finite number");
    return json.get<double>();
}

std::vector<int64_t> whole_numbers(const Json& json, const std::string& what) {
    if (!json.is_array()) refuse(what, "a list");
    std::vector<int64_t> numbers;
    for (const Json& each : json) numbers.push_back(whole(each, what));
    return numbers;
}

const Json& list(const Json& json, const char* key, size_t size) {
    const Json& found = json.at(key);
    if (!found.is_array() || found.size() != size) refuse(key, "a list of its length");
    return found;
}

Progress read(const Json& json) {
    Progress progress;
    progress.epoch = whole(json.at("epoch"), "epoch");
    progress.phase_ends = whole_numbers(json.at("phase_ends"), "phase_ends");
    progress.batch = whole(json.at("batch"), "batch");
    progress.batches_per_epoch = whole(json.at("batches_per_epoch"), "batches_per_epoch");
    progress.step = whole(json.at("step"), "step");
    progress.skipped_steps = whole(json.at("skipped_steps"), "skipped_steps");
    const Json& setting = list(json, "last_setting", 2);
    progress.last_setting = {number(setting[0], "last_setting"), number(setting[1], "last_setting")};
    const Json& scores = list(json, "scores", 4);
    progress.scores = tools::Scores({.count = whole(scores[0], "scores"),
                                     .top1 = whole(scores[1], "scores"),
                                     .top5 = whole(scores[2], "scores"),
                                     .loss = number(scores[3], "scores")});
    const Json& logged = list(json, "logged_loss", 2);
    progress.logged_loss = {number(logged[0], "logged_loss"), whole(logged[1], "logged_loss")};
    progress.gradient_norm_ema = number(json.at("usual_norm"), "usual_norm");
    if (json.contains("loss_scale")) {
        const Json& scale = list(json, "loss_scale", 2);
        progress.loss_scale = {number(scale[0], "loss_scale"), whole(scale[1], "loss_scale")};
    }
    progress.recent_bests = whole_numbers(json.at("recent_bests"), "recent_bests");
    return progress;
}

}  // namespace

int64_t Progress::epochs_without_better() const {
    const int64_t best_epoch = best.epoch() ? best.epoch()->epoch : 0;
    return epoch - std::max(best_epoch, first_epoch());
}

int64_t Progress::last_phase_epochs() const {
    const size_t ended = phase_ends.size();
    if (ended == 0) return 0;
    return phase_ends[ended - 1] - (ended == 1 ? 0 : phase_ends[ended - 2]);
}

Json to_json(const Progress& progress) {
    const tools::Scores::Sums& sums = progress.scores.sums();
    Json json{{"epoch", progress.epoch},
              {"phase_ends", progress.phase_ends},
              {"batch", progress.batch},
              {"batches_per_epoch", progress.batches_per_epoch},
              {"step", progress.step},
              {"skipped_steps", progress.skipped_steps},
              {"last_setting", {progress.last_setting.learning_rate, progress.last_setting.momentum}},
              {"scores", {sums.count, sums.top1, sums.top5, sums.loss}},
              {"logged_loss", {progress.logged_loss.sum, progress.logged_loss.count}},
              {"usual_norm", progress.gradient_norm_ema},
              {"recent_bests", progress.recent_bests}};
    if (const LossScaleState& scale = progress.loss_scale; scale != LossScaleState{})
        json["loss_scale"] = {scale.scale, scale.followed_in_turn};
    return json;
}

Progress progress_from_json(const Json& json) {
    try {
        Progress progress = read(json);
        if (to_json(progress) != json) throw Error("they are not those that a run has");
        return progress;
    } catch (const std::exception& error) {  // of a key that is missing, too
        throw Error(fmt::format("its counters cannot be read: {}", error.what()));
    }
}

}  // namespace vitrine::train
