// Schedulers from a recipe's TOML.
#pragma once

#include <string>

#include "engine/optim/schedulers/spec.h"
#include "engine/toml_reader.h"

namespace vitrine::tools {

/// From a table such as
///     scheduler = { kind = "cyclic", base_lr = 0.01, max_lr = 0.1, step_size_up = 5, per = "batch" }
/// README.md lists the kinds and their keys. `source` is the recipe's name. Throws Error with the line and
/// what is allowed; a name of PyTorch's that is another here is told with the one to use.
optim::SchedulerSpec parse_scheduler(const toml::table& table, const std::string& source);

/// From a table such as
///     warmup = { length = 500, start_factor = 0.01, per = "batch" }
optim::Warmup parse_warmup(const toml::table& table, const std::string& source);

/// From a table such as
///     hold = { share = 0.8, per = "batch" }
optim::Hold parse_hold(const toml::table& table, const std::string& source);

}  // namespace vitrine::tools
