// Where a folder of images keeps its training and validation images, told by names and never guessed in
// silence.
//
//     PATH/train/CLASS/* and PATH/val/CLASS/*    however they are written: Training and Validation, TRAIN and
//                                                valid, seg_train and seg_test (split_names.h); test is left
//                                                alone beside val, and the validation set where there is no val
//     PATH/train/CLASS/* alone, or PATH/CLASS/*  validation images are to be held out
//
// Two names of parts, such as train and test, make them parts. One among other folders is a class, unless it
// has class folders itself. Where names look like parts and the folders do not fit, it is an Error that says
// what was expected; the kind class_folders takes every folder for a class.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace vitrine {

struct FolderLayout {
    std::string train;       // the folder of the training classes, from the root; "" is the root itself
    std::string validation;  // "" where validation images are to be held out
    std::vector<std::string> notices;
};

/// Throws Error.
FolderLayout find_layout(const std::filesystem::path& root);

/// What is directly in a folder. Hidden names and what systems leave behind are not counted.
struct FolderContents {
    std::vector<std::string> folders;   // in the order of their names' bytes
    std::vector<std::string> dangling;  // links to nothing, which may have been folders
    int64_t images = 0;                 // files that are called like one
};

/// Throws Error where the folder cannot be read, and for more folders than a model can have classes.
FolderContents contents_of(const std::filesystem::path& folder);

}  // namespace vitrine
