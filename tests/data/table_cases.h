// Data sets of images and tables, and what each is taken for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace vitrine::test {

struct File {
    const char* name;
    std::string text;
};

struct Case {
    const char* what;
    /// Images, separated by blanks; "img/*3" are img/1.ppm, img/2.ppm and img/3.ppm. A + is a
    /// blank.
    const char* images;
    std::vector<File> files;
    /// "classes, in order: training images + validation images", or what the error holds.
    const char* expected;
    /// A part of one of the notices; "" for whatever they are.
    const char* notice = "";
    const char* path = "";  // from the root
    DatasetOptions options = {};
};

/// Image i of a row of them has i in its red.
void write_images(const std::filesystem::path& root, const std::string& images);

/// Writes the set, loads it and compares.
void check(const Case& each);

std::string replaced(std::string text, const std::string& what, const std::string& with);

/// "HEADER" and a row for each of images 1 … count: their names by `name`, their classes in turn.
std::string table(const std::string& header, const std::string& name, int count,
                  const std::vector<std::string>& classes = {"ant", "bee"});

}  // namespace vitrine::test
