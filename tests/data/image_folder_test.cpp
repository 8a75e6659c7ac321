// Folders of images: layouts, order, splits, skipped files, and errors before training starts.

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "data/dataset.h"
#include "data/image_format.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

struct Fixture {
    TemporaryFolder folder;
    fs::path root = folder.path() / "set";
    fs::path cache = folder.path() / "cache";
    DatasetOptions options = folder_options(root, cache);

    std::string load_error() {
        return error_of([&] { load_dataset(options); });
    }
};

std::vector<int> reds(const ImageSet& set) {
    std::vector<int> values;
    for (int64_t i = 0; i < set.count; ++i) values.push_back(set.image(i)[0]);
    return values;
}

/// One folder of class folders, 10 images of each of 3 classes.
void write_one_folder(const fs::path& root) {
    for (uint8_t c = 0; c < 3; ++c) {
        for (uint8_t i = 0; i < 10; ++i) {
            write_image(root / std::string(1, static_cast<char>('a' + c)) / (std::to_string(i) + ".ppm"), 8,
                        8, static_cast<uint8_t>(20 * c + i), 1, 2);
        }
    }
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "train and val folders, classes in the order of their names") {
    write_image_folder(root);
    const Dataset dataset = load_dataset(options);
    CHECK(dataset.kind == "image_folder");
    CHECK(dataset.class_names == std::vector<std::string>{"ant", "bee", "cat"});
    CHECK(dataset.train.labels == std::vector<int32_t>{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
    CHECK(reds(dataset.train) == std::vector<int>{0, 1, 2, 3, 50, 51, 52, 53, 100, 101, 102, 103});
    CHECK(reds(dataset.validation) == std::vector<int>{0, 1, 50, 51, 100, 101});
    CHECK(dataset.train.image(0)[1] == 100);
    CHECK(dataset.validation.image(0)[1] == 200);
    CHECK(dataset.skipped.empty());
    CHECK(dataset.notices.empty());
    CHECK(dataset.statistics.mean[1] == doctest::Approx(100.0 / 255));
    CHECK(dataset.statistics.stddev[1] == doctest::Approx(1.0 / 255));  // constant: the least deviation
}

TEST_CASE_FIXTURE(Fixture, "images are 64 pixels wide unless a size is given") {
    write_image_folder(root);
    options.image_size = 0;
    CHECK(load_dataset(options).train.width == 64);
    options.image_size = 20;
    CHECK(load_dataset(options).validation.height == 20);
}

TEST_CASE_FIXTURE(Fixture,
                  "files below a class folder belong to the class, hidden ones do not, links are followed") {
    write_image_folder(root);
    write_image(root / "train" / "bee" / "deep" / "deeper" / "x.PPM", 8, 8, 60, 1, 1);
    write_image(root / "train" / "bee" / ".hidden.ppm", 8, 8, 61, 1, 1);
    write_image(root / "train" / ".git" / "x.ppm", 8, 8, 62, 1, 1);
    write_image(folder.path() / "elsewhere" / "y.ppm", 8, 8, 63, 1, 1);
    fs::create_directory_symlink(folder.path() / "elsewhere", root / "train" / "bee" / "link");
    fs::create_directory_symlink(root / "train" / "bee", root / "train" / "bee" / "loop");
    const Dataset dataset = load_dataset(options);
    CHECK(dataset.class_names.size() == 3);
    CHECK(std::count(dataset.train.labels.begin(), dataset.train.labels.end(), 1) == 6);
    REQUIRE(dataset.skipped.size() == 1);
    CHECK(dataset.skipped[0].path == (root / "train" / "bee" / "loop").string());
    CHECK(dataset.skipped[0].kind == SkippedKind::duplicate);
}

TEST_CASE_FIXTURE(Fixture, "a validation folder may be named valid or validation") {
    write_image_folder(root);
    for (const char* name : {"valid", "validation"}) {
        fs::rename(root / (name == std::string("valid") ? "val" : "valid"), root / name);
        CHECK(load_dataset(options).validation.count == 6);
    }
}

TEST_CASE_FIXTURE(Fixture, "one folder is split by class, the same way every time") {
    write_one_folder(root);
    options.seed = 4;
    const Dataset dataset = load_dataset(options);
    CHECK(dataset.train.count == 24);
    CHECK(dataset.validation.count == 6);
    for (int32_t label = 0; label < 3; ++label) {
        CHECK(std::count(dataset.validation.labels.begin(), dataset.validation.labels.end(), label) == 2);
    }
    const std::vector<int> train = reds(dataset.train), validation = reds(dataset.validation);
    std::set<int> all(train.begin(), train.end());
    all.insert(validation.begin(), validation.end());
    CHECK(all.size() == 30);
    CHECK(dataset.draw == SplitDraw{4, 0.2, 1.0});
    CHECK(dataset.notices.empty());
    CHECK(reds(load_dataset(options).validation) == validation);
    options.seed = 5;
    CHECK(reds(load_dataset(options).validation) != validation);
    options.validation = 0.5;
    CHECK(load_dataset(options).validation.count == 15);
    options.validation = 0.999;  // every class keeps an image to learn from
    CHECK(load_dataset(options).train.count == 3);
    options.validation = 0.001;  // and has one to be judged by
    CHECK(load_dataset(options).validation.count == 3);
}

TEST_CASE_FIXTURE(Fixture, "a train folder without val is split; a class may be named train") {
    write_one_folder(root / "train");
    CHECK(load_dataset(options).validation.count == 6);
    write_image(root / "other" / "train" / "1.ppm", 8, 8, 1, 1, 1);
    write_image(root / "other" / "train" / "2.ppm", 8, 8, 1, 1, 1);
    write_image(root / "other" / "plane" / "1.ppm", 8, 8, 1, 1, 1);
    options.path = root / "other";
    CHECK(load_dataset(options).class_names == std::vector<std::string>{"plane", "train"});
}

TEST_CASE_FIXTURE(Fixture, "a subset keeps the same share of each class of the training set") {
    write_one_folder(root);
    options.subset = 0.5;
    options.validation = 0.2;
    const Dataset dataset = load_dataset(options);
    CHECK(dataset.train.labels == std::vector<int32_t>{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
    CHECK(dataset.validation.count == 6);
    CHECK(reds(load_dataset(options).train) == reds(dataset.train));
    options.seed = 77;
    CHECK(reds(load_dataset(options).train) != reds(dataset.train));
    options.subset = 0.01;
    CHECK(load_dataset(options).train.count == 3);
}

TEST_CASE_FIXTURE(Fixture, "damaged and non-image files are skipped and reported, from the cache too") {
    write_image_folder(root);
    write_text(root / "train" / "ant" / "notes.txt", "hello");
    write_text(root / "train" / "bee" / "broken.jpg", "no JPEG at all");
    write_text(root / "val" / "cat" / "empty.png", "");
    for (int run = 0; run < 2; ++run) {
        const Dataset dataset = load_dataset(options);
        CHECK(dataset.train.count == 12);
        CHECK(dataset.validation.count == 6);
        REQUIRE(dataset.skipped.size() == 3);
        CHECK(dataset.skipped[0].path == (root / "train" / "ant" / "notes.txt").string());
        CHECK(dataset.skipped[0].reason == "not an image: its name does not end like one");
        CHECK(dataset.skipped[1].path == (root / "train" / "bee" / "broken.jpg").string());
        CHECK(contains(dataset.skipped[1].reason, "not an image file"));
        CHECK(dataset.skipped[2].path == (root / "val" / "cat" / "empty.png").string());
        CHECK(dataset.skipped[2].reason == "the file is empty");
    }
}

TEST_CASE_FIXTURE(Fixture, "strict makes a skipped file an error, from the cache too") {
    write_image_folder(root);
    write_text(root / "train" / "bee" / "broken.jpg", "no JPEG at all");
    load_dataset(options);
    options.strict = true;
    CHECK(contains(load_error(), "train/bee/broken.jpg: not an image file"));
    fs::remove_all(cache);
    CHECK(contains(load_error(), "train/bee/broken.jpg: not an image file"));
    fs::remove(root / "train" / "bee" / "broken.jpg");
    CHECK(load_error() == "no error");
    for (const char* name : {"Thumbs.db", "desktop.ini", "notes.txt", "labels.csv", "README"})
        write_text(root / "train" / "bee" / name, "hello");
    CHECK(load_error() == "no error");
    write_text(root / "train" / "bee" / "y.gif", "GIF89a");
    CHECK(contains(load_error(), "train/bee/y.gif: a GIF file, left out as torchvision's ImageFolder"));
}

TEST_CASE_FIXTURE(Fixture, "a class of WebP and TIFF is read, and its GIF left out as torchvision does") {
    const bool all_read = image_format(first_bytes(golden_formats() / "lossy.webp")).is_read() &&
                          image_format(first_bytes(golden_formats() / "rgb_8.tiff")).is_read();
    if (!all_read) {
        MESSAGE("skipped: this build reads no WebP or no TIFF");
        return;
    }
    write_image_folder(root);
    fs::remove_all(root / "train" / "bee");
    for (const char* name : {"lossy.webp", "lossless.webp", "rgb_8.tiff", "89a.gif"})
        write_bytes(root / "train" / "bee" / name, read_bytes(golden_formats() / name));
    const Dataset dataset = load_dataset(options);
    CHECK(dataset.train.count == 4 + 3 + 4);
    REQUIRE(dataset.skipped.size() == 1);
    CHECK(dataset.skipped[0].path.ends_with("train/bee/89a.gif"));
    CHECK(dataset.skipped[0].reason ==
          "a GIF file, left out as torchvision's ImageFolder leaves out names that end in .gif");
}

TEST_CASE_FIXTURE(Fixture, "folders that cannot be trained on are refused before anything is decoded") {
    CHECK(contains(load_error(), "set' does not exist; name a folder"));
    write_text(root, "a file");
    CHECK(contains(load_error(), "set' is a file; name the folder that holds it"));
    fs::remove(root);
    fs::create_directories(root);
    CHECK(contains(load_error(), "no data set is recognised in"));
    CHECK(contains(load_error(), "image_folder: train/CLASS/* and val/CLASS/*, or CLASS/*"));
    options.kind = "image_folder";
    CHECK(contains(load_error(), "set' has no images: a folder for each class is needed in it"));
    write_image_folder(root);
    SUBCASE("an empty class") {
        fs::create_directories(root / "train" / "dog");
        fs::create_directories(root / "val" / "dog");
        CHECK(contains(load_error(),
                       "the class folder '" + (root / "train" / "dog").string() + "' has no image"));
    }
    SUBCASE("an empty class in val") {
        fs::remove_all(root / "val" / "cat");
        fs::create_directories(root / "val" / "cat");
        CHECK(contains(load_error(), "val/cat' has no image"));
    }
    SUBCASE("classes that differ") {
        fs::rename(root / "val" / "cat", root / "val" / "cow");
        CHECK(contains(load_error(), "differ: only train has 'cat'; only val has 'cow';"));
    }
    SUBCASE("a class missing in val") {
        fs::remove_all(root / "val" / "ant");
        CHECK(contains(load_error(), "differ: only train has 'ant';"));
    }
    SUBCASE("a class of which nothing is readable") {
        fs::remove_all(root / "train" / "bee");
        write_text(root / "train" / "bee" / "x.jpg", "broken");
        CHECK(contains(load_error(), "the class 'bee' of"));
        CHECK(contains(load_error(), "has no readable training image"));
    }
    SUBCASE("no readable validation image") {
        for (const char* name : {"ant", "bee", "cat"}) {
            fs::remove_all(root / "val" / name);
            write_text(root / "val" / name / "x.jpg", "broken");
        }
        CHECK(contains(load_error(), "has no readable validation images"));
    }
    SUBCASE("a validation share beside val") {
        options.validation = 0.1;
        CHECK(contains(load_error(), "(image_folder) has its own 6 validation images"));
    }
}

TEST_CASE_FIXTURE(Fixture, "options out of their range are refused") {
    write_image_folder(root);
    options.kind = "imagenet";
    CHECK(contains(load_error(),
                   "there is no kind of data set named 'imagenet'; the kinds are auto, fashion_mnist"));
    options = folder_options(root, cache);
    for (const double share : {0.0, -1.0, 1.5}) {
        options.subset = share;
        CHECK(contains(load_error(), "a share above 0 and up to 1 is allowed"));
    }
    options = folder_options(root, cache);
    for (const double share : {0.0, 1.0}) {
        options.validation = share;
        CHECK(contains(load_error(), "a share above 0 and below 1 is allowed"));
    }
    options = folder_options(root, cache);
    options.image_size = 5000;
    CHECK(contains(load_error(), "the image size is 5000; 1 to 4096"));
    options = folder_options(root, cache);
    options.threads = -1;
    CHECK(contains(load_error(), "the number of threads is -1"));
}

TEST_CASE_FIXTURE(Fixture,
                  "Tiny-ImageNet: classes are the sorted wnids, val is labelled by its annotations") {
    write_text(root / "wnids.txt", "n02\nn01\n");
    for (const char* wnid : {"n01", "n02"}) {
        const uint8_t red = wnid[2] == '1' ? 10 : 20;
        write_image(root / "train" / wnid / "images" / "0.ppm", 8, 8, red, 0, 0);
        write_image(root / "train" / wnid / "images" / "1.ppm", 8, 8, static_cast<uint8_t>(red + 1), 0, 0);
        write_text(root / "train" / wnid / (std::string(wnid) + "_boxes.txt"), "boxes");
    }
    write_image(root / "val" / "images" / "v0.ppm", 8, 8, 99, 0, 0);
    write_image(root / "val" / "images" / "v1.ppm", 8, 8, 98, 0, 0);
    write_text(root / "val" / "val_annotations.txt", "v1.ppm\tn02\t0\t0\t7\t7\nv0.ppm\tn01\t0\t0\t7\t7\n");
    const Dataset dataset = load_dataset(options);
    CHECK(dataset.kind == "tiny_imagenet");
    CHECK(dataset.class_names == std::vector<std::string>{"n01", "n02"});
    CHECK(dataset.train.labels == std::vector<int32_t>{0, 0, 1, 1});
    CHECK(reds(dataset.train) == std::vector<int>{10, 11, 20, 21});
    CHECK(dataset.validation.labels == std::vector<int32_t>{1, 0});
    CHECK(reds(dataset.validation) == std::vector<int>{98, 99});
    CHECK(dataset.skipped.empty());
    options.image_size = 0;
    CHECK(load_dataset(options).train.width == 64);

    write_text(root / "train" / "n01" / "images" / "notes.txt", "x");
    CHECK(load_dataset(options).skipped.size() == 1);
    SUBCASE("an unknown class") {
        write_text(root / "val" / "val_annotations.txt", "v1.ppm\tn03\t0\t0\t7\t7\n");
        CHECK(contains(load_error(), "names the class 'n03', which is not in wnids.txt"));
    }
    SUBCASE("a line without a class") {
        write_text(root / "val" / "val_annotations.txt", "v1.ppm\n");
        CHECK(contains(load_error(), "has the line 'v1.ppm'; a file name, a tab and a class are needed"));
    }
    SUBCASE("a file that is not there") {
        write_text(root / "val" / "val_annotations.txt", "v7.ppm\tn01\nv1.ppm\tn02\n");
        const Dataset partial = load_dataset(options);
        CHECK(partial.validation.count == 1);
        REQUIRE(partial.skipped.size() == 3);
        CHECK(contains(partial.skipped[1].path, "val/images/v0.ppm"));
        CHECK(partial.skipped[1].reason == "not named in val_annotations.txt");
        CHECK(contains(partial.skipped[2].path, "val/images/v7.ppm"));
        CHECK(partial.skipped[2].reason == "named in val_annotations.txt, but no image there");
        options.strict = true;
        CHECK(contains(load_error(), "v7.ppm: named in val_annotations.txt, but no image there"));
    }
    SUBCASE("no annotations") {
        fs::remove(root / "val" / "val_annotations.txt");
        CHECK(contains(load_error(), "val_annotations.txt' cannot be read"));
    }
    SUBCASE("an empty class") {
        fs::remove_all(root / "train" / "n02");
        CHECK(contains(load_error(), "train/n02/images' is missing or has no image"));
    }
    SUBCASE("no wnids.txt") {
        fs::remove(root / "wnids.txt");
        options.kind = "tiny_imagenet";
        CHECK(contains(load_error(), "is no Tiny-ImageNet: wnids.txt and train/ are needed"));
    }
}
