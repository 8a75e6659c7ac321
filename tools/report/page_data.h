// What the page's script is given of a run.
#pragma once

#include <utility>
#include <vector>

#include "tools/report/run_files.h"

namespace vitrine::report {

/// {"name", "run", "recipe", "epochs", "steps", "last_step", "gradient_norms", "timing", "validation",
/// "preview", "last_written", "unreadable", "settings", "setting_groups"}: as in RunFiles, but
/// - settings: the recipe's values by place, {"phase.1.lr": "0.1"}, both as train's --set takes them; empty
///   where it is no TOML
/// - setting_groups: of the tables and lists of tables in them, {"phase.1.scheduler": "{ kind = … }"}
/// - steps: a curve for each figure, {"loss": [[epoch, value], …]}, with as many points as a screen can show
/// - last_step: the number of the last one in steps.jsonl, or null
/// - gradient_norms: [[epoch, mean over its steps], …]
/// - preview: in base64
Json page_data(const RunFiles& run);

/// A curve, by rising epoch.
using Points = std::vector<std::pair<double, double>>;

/// At most about `limit` of the points, which are sorted by their first: of each of limit / 2 stretches the
/// lowest and the highest, so that no peak is lost and a curve looks the same.
Points thinned(const Points& points, size_t limit);

}  // namespace vitrine::report
