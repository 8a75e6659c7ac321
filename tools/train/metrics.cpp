// What is known after an epoch: see metrics.h.

#include "tools/train/metrics.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/error.h"

namespace vitrine::train {
namespace {

/// 1e300 is a number, but converting it to a whole one is undefined.
int64_t whole(const Json& json, const char* key) {
    const Json& number = json.at(key);
    if (!number.is_number_integer()) throw Error(fmt::format("{} is not a whole number", key));
    return number.get<int64_t>();
}

std::vector<double> numbers_or_nan(const Json& json, const char* key) {
    std::vector<double> numbers;
    for (const Json& number : json.at(key))
        numbers.push_back(number.is_null() ? std::nan("") : number.get<double>());
    return numbers;
}

}  // namespace

std::string name_of(Weights weights) { return weights == Weights::averaged ? "averaged" : "plain"; }

Json to_json(const EpochMetrics& metrics) {
    Json line = {{"epoch", metrics.epoch},
                 {"phase", metrics.phase},
                 {"step", metrics.step},
                 {"learning_rate", metrics.learning_rate},
                 {"momentum", metrics.momentum},
                 {"train_loss", metrics.train_loss},
                 {"train_accuracy", metrics.train_accuracy},
                 {"val_loss", metrics.val.loss},
                 {"val_accuracy", metrics.val.accuracy},
                 {"val_top5", metrics.val.top5}};
    if (metrics.val.balanced_accuracy) line["val_balanced_accuracy"] = *metrics.val.balanced_accuracy;
    if (metrics.ema_val) {
        line["ema_val_loss"] = metrics.ema_val->loss;
        line["ema_val_accuracy"] = metrics.ema_val->accuracy;
        line["ema_val_top5"] = metrics.ema_val->top5;
        if (metrics.ema_val->balanced_accuracy)
            line["ema_val_balanced_accuracy"] = *metrics.ema_val->balanced_accuracy;
    }
    if (!metrics.classes.recall.empty()) {
        line["class_precision"] = metrics.classes.precision;
        line["class_recall"] = metrics.classes.recall;
    }
    if (metrics.ends_run) line["ends_run"] = true;
    return line;
}

Json to_json(const EpochTiming& timing) {
    Json line{{"epoch", timing.epoch},
              {"images_per_second", timing.images_per_second},
              {"data_seconds", timing.data_seconds},
              {"step_seconds", timing.step_seconds},
              {"validation_seconds", timing.validation_seconds},
              {"checkpoint_seconds", timing.checkpoint_seconds},
              {"ended", timing.ended}};
    if (timing.slowest_process) {
        line["waiting_seconds"] = timing.waiting_seconds;
        line["slowest_process"] = *timing.slowest_process;
    }
    return line;
}

EpochMetrics metrics_from_json(const Json& json) {
    const auto number = [&](const char* key) { return json.at(key).get<double>(); };
    EpochMetrics metrics{.epoch = whole(json, "epoch"),
                         .phase = json.at("phase").get<std::string>(),
                         .step = whole(json, "step"),
                         .learning_rate = number("learning_rate"),
                         .momentum = number("momentum"),
                         .train_loss = number("train_loss"),
                         .train_accuracy = number("train_accuracy"),
                         .val = {number("val_loss"), number("val_accuracy"), number("val_top5")},
                         .ema_val = {},
                         .ends_run = json.value("ends_run", false)};
    if (json.contains("ema_val_loss"))
        metrics.ema_val = {number("ema_val_loss"), number("ema_val_accuracy"), number("ema_val_top5")};
    if (json.contains("val_balanced_accuracy"))
        metrics.val.balanced_accuracy = number("val_balanced_accuracy");
    if (metrics.ema_val && json.contains("ema_val_balanced_accuracy"))
        metrics.ema_val->balanced_accuracy = number("ema_val_balanced_accuracy");
    if (json.contains("class_recall"))
        metrics.classes = {numbers_or_nan(json, "class_precision"), numbers_or_nan(json, "class_recall")};
    return metrics;
}

EpochTiming timing_from_json(const Json& json) {
    const auto number = [&](const char* key) { return json.at(key).get<double>(); };
    EpochTiming timing{.epoch = whole(json, "epoch"),
                       .images_per_second = number("images_per_second"),
                       .data_seconds = number("data_seconds"),
                       .step_seconds = number("step_seconds"),
                       .validation_seconds = number("validation_seconds"),
                       .checkpoint_seconds = number("checkpoint_seconds"),
                       .ended = number("ended")};
    if (json.contains("slowest_process")) {
        timing.waiting_seconds = number("waiting_seconds");
        timing.slowest_process = whole(json, "slowest_process");
    }
    return timing;
}

bool Best::update(const EpochMetrics& metrics) {
    if (epoch_ && !(metrics.judged().accuracy > epoch_->judged().accuracy)) return false;
    epoch_ = metrics;
    return true;
}

}  // namespace vitrine::train
