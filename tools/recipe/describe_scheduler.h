// Schedulers as TOML and in words.
#pragma once

#include <string>
#include <string_view>

#include "engine/optim/schedulers/spec.h"
#include "engine/toml_reader.h"

namespace vitrine::tools {

/// What parse_scheduler reads: all keys with their values, the defaults too. A length that is left to the
/// phase has no key. Without the warm-up and the hold.
toml::table to_toml(const optim::SchedulerSpec& spec);
/// What parse_warmup and parse_hold read.
toml::table to_toml(const optim::Warmup& warmup);
toml::table to_toml(const optim::Hold& hold);

/// One line for people: "warm-up for 500 batches from 0.01 times the rate, then cyclic per batch (base_lr
/// 0.01, …)". Values that are the default are left out.
std::string describe(const optim::SchedulerSpec& spec);

/// "1 batch", "500 batches", "15 epochs"
std::string counted(int64_t count, optim::Per per);

/// "cyclic", "batch", "val_loss"
std::string_view name_of(const optim::KindSpec& kind);
std::string_view name_of(optim::Per per);
std::string_view name_of(optim::Metric metric);

}  // namespace vitrine::tools
