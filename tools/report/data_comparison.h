// Which of several runs are of the same data: accuracies on other images cannot be ranked together.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tools/report/run_files.h"

namespace vitrine::report {

/// Data are the same where classes, numbers of images and the images are: by the hashes of their pixels in
/// run.json, or for runs without them, or of images of another size, by their path and kind.
struct DataComparison {
    struct Data {
        std::string letter;       // "A", in the order of the runs; behind Z come numbers
        std::string description;  // "image_folder photos, 10 classes, 800 training and 200 validation images"
        size_t first;             // the first run of these data
    };
    std::vector<Data> data;
    std::vector<size_t> of_run;  // the place in `data` of each run
    /// Runs with the same number have the same images, whichever of them are held out for validation.
    std::vector<size_t> images_of_run;
    /// What is not the same, as a sentence without its end; empty for one data set.
    std::string warning;
    /// "A: photos, … (run1, run2)", for each of the data
    std::vector<std::string> lists;
};

DataComparison compare_data(const std::vector<RunFiles>& runs);

/// {"of": [0, 0, 1], "images": [0, 0, 1], "letters": ["A", "B"], "descriptions": […], "warning": "…",
/// "lists": […]}
Json to_json(const DataComparison& comparison);

}  // namespace vitrine::report
