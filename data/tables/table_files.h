// Which files of a folder are the tables of its images, told by their names.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vitrine {

enum class TableRole {
    whole,       // labels.csv, annotations.tsv: of all images
    train,       // train.csv, trainLabels.csv, train_labels.csv
    validation,  // val.csv, valid.csv, validation.csv
    test,        // test.csv
    submission,  // sample_submission.csv: what a competition wants to have
    unknown      // any other .csv or .tsv
};

struct TableFile {
    std::filesystem::path path;
    TableRole role;
};

/// By the words of its name; nothing for a file that is called like no table, and for a list (.txt) with
/// another name.
std::optional<TableRole> table_role(const std::filesystem::path& file);

/// The tables directly in a folder, in the order of their names.
std::vector<TableFile> tables_in(const std::filesystem::path& folder);

/// Those with a role.
std::vector<std::filesystem::path> with_role(const std::vector<TableFile>& files, TableRole role);

/// Those that may be the table of training images; those with a better name hide the others.
std::vector<std::filesystem::path> training_tables(const std::vector<TableFile>& files);

}  // namespace vitrine
