// Data sets of images and tables: see table_cases.h.

#include "tests/data/table_cases.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>

#include "engine/error.h"
#include "tests/data/support.h"

namespace vitrine::test {
namespace {

namespace fs = std::filesystem;

DatasetOptions options_of(const Case& each, const fs::path& root, const fs::path& cache) {
    DatasetOptions options = each.options;
    options.path = *each.path == 0 ? root : root / each.path;
    options.cache_folder = cache;
    options.image_size = 2;
    options.threads = 1;
    return options;
}

}  // namespace

void write_images(const fs::path& root, const std::string& images) {
    std::istringstream words(images);
    uint8_t number = 0;  // in each image, so that none is another's copy
    for (std::string word; words >> word;) {
        word = replaced(word, "+", " ");
        const size_t star = word.find('*');
        const int count = star == std::string::npos ? 0 : std::stoi(word.substr(star + 1));
        for (int i = 1; i <= count; ++i)
            write_image(root / (word.substr(0, star) + std::to_string(i) + ".ppm"), 2, 2,
                        static_cast<uint8_t>(i), 100, number++);
        if (count == 0) write_image(root / word, 2, 2, 1, 100, number++);
    }
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
    return text;
}

void check(const Case& each) {
    CAPTURE(std::string(each.what));
    const TemporaryFolder folder, cache;
    const fs::path root = folder.path() / "set";
    fs::create_directories(root);
    write_images(root, each.images);
    for (const File& file : each.files) write_text(root / file.name, file.text);
    std::string found;
    std::vector<std::string> notices;
    try {
        const Dataset dataset = load_dataset(options_of(each, root, cache.path()));
        found = fmt::format("{} {}: {} + {}", dataset.kind, fmt::join(dataset.class_names, " "),
                            dataset.train.count, dataset.validation.count);
        CHECK(found == each.expected);
        notices = dataset.notices;
    } catch (const Error& error) {
        found = replaced(error.what(), root.string(), "ROOT");
        CAPTURE(found);
        CHECK(found.find(each.expected) != std::string::npos);
        CHECK(found.find("internal") == std::string::npos);
    }
    const std::string all = replaced(fmt::format("{}", fmt::join(notices, "\n")), root.string(), "ROOT");
    CAPTURE(all);
    CHECK(all.find(each.notice) != std::string::npos);
}

std::string table(const std::string& header, const std::string& name, int count,
                  const std::vector<std::string>& classes) {
    std::string text = header.empty() ? "" : header + '\n';
    for (int i = 1; i <= count; ++i)
        text +=
            replaced(name, "#", std::to_string(i)) + classes[static_cast<size_t>(i) % classes.size()] + '\n';
    return text;
}

}  // namespace vitrine::test
