// Where a run is: see progress.h.

#include "tools/train/progress.h"

#include <nlohmann/json.hpp>

namespace vitrine::train {

Json to_json(const Progress& progress) {
    const tools::Scores::Sums& sums = progress.scores.sums();
    return {{"phase", progress.phase},
            {"epoch", progress.epoch},
            {"phase_epoch", progress.phase_epoch},
            {"batch", progress.batch},
            {"step", progress.step},
            {"skipped_steps", progress.skipped_steps},
            {"last_setting", {progress.last_setting.learning_rate, progress.last_setting.momentum}},
            {"scores", {sums.count, sums.top1, sums.top5, sums.loss}},
            {"logged_loss", {progress.logged_loss.sum, progress.logged_loss.count}},
            {"usual_norm", progress.usual_norm},
            {"best", progress.best.epoch() ? to_json(*progress.best.epoch()) : Json(nullptr)},
            {"epochs_without_better", progress.epochs_without_better},
            {"logs", {progress.metrics_bytes, progress.steps_bytes, progress.timing_bytes}},
            {"recent_bests", progress.recent_bests}};
}

Progress progress_from_json(const Json& json) {
    Progress progress;
    json.at("phase").get_to(progress.phase);
    json.at("epoch").get_to(progress.epoch);
    json.at("phase_epoch").get_to(progress.phase_epoch);
    json.at("batch").get_to(progress.batch);
    json.at("step").get_to(progress.step);
    json.at("skipped_steps").get_to(progress.skipped_steps);
    const Json& setting = json.at("last_setting");
    progress.last_setting = {setting.at(0).get<double>(), setting.at(1).get<double>()};
    const Json& scores = json.at("scores");
    progress.scores = tools::Scores({.count = scores.at(0).get<int64_t>(),
                                     .top1 = scores.at(1).get<int64_t>(),
                                     .top5 = scores.at(2).get<int64_t>(),
                                     .loss = scores.at(3).get<double>()});
    progress.logged_loss = {json.at("logged_loss").at(0).get<double>(),
                            json.at("logged_loss").at(1).get<int64_t>()};
    json.at("usual_norm").get_to(progress.usual_norm);
    if (!json.at("best").is_null()) progress.best = Best(metrics_from_json(json.at("best")));
    json.at("epochs_without_better").get_to(progress.epochs_without_better);
    const Json& logs = json.at("logs");
    logs.at(0).get_to(progress.metrics_bytes);
    logs.at(1).get_to(progress.steps_bytes);
    logs.at(2).get_to(progress.timing_bytes);
    json.at("recent_bests").get_to(progress.recent_bests);
    return progress;
}

}  // namespace vitrine::train
