// The classes of a model and of the data: see class_match.h.

#include "tools/train/class_match.h"

#include <fmt/format.h>

#include <map>

#include "engine/error.h"

namespace vitrine::train {

void number_classes(Dataset& dataset, const std::vector<std::string>& as_in_file) {
    std::map<std::string, int32_t> numbers;
    for (size_t i = 0; i < as_in_file.size(); ++i) numbers.emplace(as_in_file[i], static_cast<int32_t>(i));
    std::vector<int32_t> to_file;
    for (const std::string& name : dataset.class_names) {
        const auto found = numbers.find(name);
        if (found == numbers.end()) return;  // check_classes has the words for it
        to_file.push_back(found->second);
    }
    dataset.class_names = as_in_file;
    for (ImageSet* set : {&dataset.train, &dataset.validation, &dataset.left_out}) {
        for (int32_t& label : set->labels) label = to_file[static_cast<size_t>(label)];
    }
}

void check_classes(const tools::ModelDescription& description, const Dataset& dataset,
                   const std::string& source, bool names_known) {
    const auto& in_file = description.classes;
    const auto& in_data = dataset.class_names;
    if (in_file.size() != in_data.size())
        throw Error(
            fmt::format("{} knows {} classes, but the data have {}", source, in_file.size(), in_data.size()));
    if (!names_known) return;
    for (size_t i = 0; i < in_file.size(); ++i) {
        if (in_file[i] != in_data[i])
            throw Error(fmt::format("class {} is '{}' in {}, but '{}' in the data", i, in_file[i], source,
                                    in_data[i]));
    }
}

}  // namespace vitrine::train
