// The data of a run, and what its checkpoints remember of them.
#pragma once

#include <filesystem>
#include <optional>

#include "data/identity.h"
#include "engine/safetensors.h"
#include "tools/train/options.h"
#include "tools/train/reporter.h"

namespace vitrine::train {

/// What a checkpoint knows of the run's data; nothing, after a notice, where it is too old to know. Throws
/// Error naming `source` where it cannot be read.
std::optional<DatasetIdentity> known_data(const SafeTensors& checkpoint, const std::string& source,
                                          Reporter& reporter);

struct RunData {
    Dataset dataset;
    bool changed = false;  // since the run was last here
};

/// The data of a run that is new, or that knows its data already: every image then has the part that it had.
/// Changes are an Error that names them or, where options allow changes, a notice that also says what becomes
/// of them (keep_parts of data/dataset_changes.h). Nothing is written.
RunData load_run_data(const Options& options, const std::filesystem::path& folder,
                      const std::optional<DatasetIdentity>& known, Reporter& reporter);

/// For a checkpoint.
SafeTensor data_tensor(const DatasetIdentity& identity);

}  // namespace vitrine::train
