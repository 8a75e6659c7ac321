// What a run remembers of its data: what it notices, and which image it takes for which.

#include "data/identity.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "data/dataset_changes.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

/// One folder of class folders ant, bee and cat with 10 images each: image i of class c is all (50·c + i, 1,
/// 2).
struct Fixture {
    Fixture() {
        for (int c = 0; c < 3; ++c) {
            for (int i = 0; i < 10; ++i)
                write_image(file(c, i), 8, 8, static_cast<uint8_t>(50 * c + i), 1, 2);
        }
        options.seed = 4;
    }
    fs::path file(int c, int i) const {
        return root / std::vector<std::string>{"ant", "bee", "cat"}[static_cast<size_t>(c)] /
               (std::to_string(i) + ".ppm");
    }
    void write_new(const std::string& name, uint8_t green) const {
        write_image(root / name, 8, 8, 250, green, 2);
    }

    /// What has changed since `earlier`, in one text.
    std::string changes_since(const DatasetIdentity& earlier) const {
        const Dataset dataset = load_dataset(options);
        std::string all;
        for (const std::string& clause :
             changes_between(earlier, identity_of(dataset), dataset.skipped).clauses)
            all += (all.empty() ? "" : "; ") + clause;
        return all;
    }
    Dataset gone_on_with(const DatasetIdentity& earlier) const {
        const Dataset dataset = load_dataset(options);
        const DatasetIdentity now = identity_of(dataset);
        return arranged(dataset, keep_parts(earlier, now, changes_between(earlier, now, dataset.skipped)));
    }

    TemporaryFolder folder;
    fs::path root = folder.path() / "set";
    DatasetOptions options = folder_options(root, folder.path() / "cache");
};

/// The first pixel of each image: which image it is, whatever its file is called.
std::multiset<int> images_of(const ImageSet& set) {
    std::multiset<int> all;
    for (int64_t i = 0; i < set.count; ++i) all.insert(set.image(i)[0] * 256 + set.image(i)[1]);
    return all;
}

bool disjoint(const std::multiset<int>& one, const std::multiset<int>& other) {
    return std::ranges::none_of(one, [&](int image) { return other.contains(image); });
}

int first_held_out(const Dataset& dataset, int label) {
    for (int64_t i = 0; i < dataset.validation.count; ++i) {
        if (dataset.validation.labels[static_cast<size_t>(i)] == label)
            return dataset.validation.image(i)[0] - 50 * label;
    }
    return -1;
}
int first_trained(const Dataset& dataset, int label) {
    for (int64_t i = 0; i < dataset.train.count; ++i) {
        if (dataset.train.labels[static_cast<size_t>(i)] == label)
            return dataset.train.image(i)[0] - 50 * label;
    }
    return -1;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "data that are the same are the same, at another path too, and keep their order") {
    options.subset = 0.5;
    const Dataset dataset = load_dataset(options);
    const DatasetIdentity identity = identity_of(dataset);
    CHECK(identity.images.size() == 30);
    CHECK(identity.count(Part::training) == 12);
    CHECK(identity.count(Part::validation) == 6);
    CHECK(identity.count(Part::left_out) == 12);
    fs::rename(root, folder.path() / "elsewhere");
    options.path = folder.path() / "elsewhere";
    CHECK(identity_of(load_dataset(options)) == identity);
    CHECK(changes_since(identity).empty());
    const Dataset again = gone_on_with(identity);
    CHECK(again.train.rows == dataset.train.rows);
    CHECK(again.validation.rows == dataset.validation.rows);
    CHECK(again.left_out.rows == dataset.left_out.rows);
    CHECK(again.train.labels == dataset.train.labels);
    CHECK(again.statistics.mean == dataset.statistics.mean);
}

TEST_CASE_FIXTURE(
    Fixture,
    "an identity knows how images were read; those of before that was asked say squares, not turned") {
    options.exif_orientation = true;
    options.shape = ImageShape::aspect;
    options.image_size = 8;
    DatasetIdentity identity = identity_of(load_dataset(options));
    CHECK(identity.exif_orientation);
    CHECK(identity.keeping == Keeping{ImageShape::aspect, 8});
    CHECK(identity.height == 0);
    CHECK(unpack_identity(pack(identity)) == identity);

    options.shape = ImageShape::square;
    identity = identity_of(load_dataset(options));
    std::vector<std::string> texts(1);
    for (const char letter : pack(identity)) {
        if (letter != '\0') texts.back().push_back(letter);
        if (letter == '\0') texts.emplace_back();
    }
    texts.pop_back();  // behind the last zero
    const auto joined = [&] {
        std::string bytes;
        for (const std::string& text : texts) bytes += text + '\0';
        return bytes;
    };
    CHECK(texts.at(0) == "vitrine data 3");
    CHECK(texts.at(8) == "1");
    CHECK(texts.at(9) == "square");
    texts[0] = "vitrine data 2";
    texts.erase(texts.begin() + 9, texts.begin() + 11);
    CHECK(unpack_identity(joined()) == identity);
    texts[0] = "vitrine data 1";
    texts.erase(texts.begin() + 8);
    identity.exif_orientation = false;
    CHECK(unpack_identity(joined()) == identity);
}

TEST_CASE_FIXTURE(Fixture, "an identity is written and read back, and bytes that are none are refused") {
    DatasetIdentity identity = identity_of(load_dataset(options));
    identity.classes[1] = "b\xE9\n\xFF";  // no UTF-8
    const std::string bytes = pack(identity);
    CHECK(unpack_identity(bytes) == identity);
    for (size_t length = 0; length < bytes.size(); ++length)
        CHECK(contains(error_of([&] { unpack_identity(bytes.substr(0, length)); }), "cannot be read"));
    CHECK(contains(error_of([&] { unpack_identity(bytes + "x"); }), "goes on behind its end"));
    const auto forged = [&](const std::function<void(DatasetIdentity&)>& change) {
        DatasetIdentity other = identity;
        change(other);
        return error_of([&] { unpack_identity(pack(other)); });
    };
    CHECK(contains(forged([](auto& other) { other.images[3].label = 3; }), "out of its range"));
    CHECK(contains(forged([](auto& other) { other.images[3].label = -1; }), "out of its range"));
    CHECK(contains(forged([](auto& other) { other.classes.clear(); }), "out of its range"));
    CHECK(contains(forged([](auto& other) { other.draw.subset = NAN; }), "out of its range"));
    CHECK(contains(forged([](auto& other) { other.height = -1; }), "out of its range"));
    CHECK(contains(forged([](auto& other) { other.height = 0; }), "its images have one side"));
    std::string many = bytes;
    many.replace(many.find(std::string("\0"
                                       "30\0",
                                       4)),
                 4,
                 std::string("\0"
                             "9999999999999\0",
                             15));
    CHECK(contains(error_of([&] { unpack_identity(many); }), "out of its range"));
}

TEST_CASE_FIXTURE(Fixture, "each change of the data is named") {
    const Dataset dataset = load_dataset(options);
    const DatasetIdentity identity = identity_of(dataset);
    SUBCASE("a new file") {
        write_new("bee/new.ppm", 9);
        CHECK(changes_since(identity) == "1 image is new ('bee/new.ppm')");
    }
    SUBCASE("files that are gone") {
        for (int i = 0; i < 5; ++i) fs::remove(file(0, i));
        CHECK(changes_since(identity).starts_with("5 images are gone ('ant/"));
        CHECK(changes_since(identity).ends_with(", …)"));
    }
    SUBCASE("a file that cannot be read any more") {
        write_text(file(1, 3), "no image");
        CHECK(changes_since(identity) == "1 image cannot be read any more ('bee/3.ppm')");
    }
    SUBCASE("images between classes") {
        fs::rename(file(0, 3), root / "bee" / "three.ppm");
        CHECK(changes_since(identity) == "1 image was moved from class 'ant' to 'bee' ('bee/three.ppm')");
    }
    SUBCASE("two files of the same name that changed places") {
        fs::rename(file(0, 3), root / "x");
        fs::rename(file(1, 3), file(0, 3));
        fs::rename(root / "x", file(1, 3));
        CHECK(changes_since(identity) ==
              "1 image was moved from class 'ant' to 'bee' ('bee/3.ppm'); "
              "1 image was moved from class 'bee' to 'ant' ('ant/3.ppm')");
    }
    SUBCASE("a class with another name, which other folders now precede") {
        fs::rename(root / "ant", root / "dog");
        CHECK(changes_since(identity) == "1 class has another name ('ant' is now 'dog')");
    }
    SUBCASE("a class with a name that is no text") {
        fs::rename(root / "ant", root / "caf\xE9");
        CHECK(changes_since(identity) == "1 class has another name ('ant' is now 'caf\\xe9')");
    }
    SUBCASE("two classes that exchanged their names") {
        fs::rename(root / "ant", root / ".x");
        fs::rename(root / "bee", root / "ant");
        fs::rename(root / ".x", root / "bee");
        CHECK(contains(changes_since(identity), "10 images were moved from class 'ant' to 'bee' ("));
        CHECK(contains(changes_since(identity), "10 images were moved from class 'bee' to 'ant' ("));
    }
    SUBCASE("a class more, and a class less") {
        write_new("dog/1.ppm", 9);
        CHECK(changes_since(identity) == "1 class is new ('dog'); 1 image is new ('dog/1.ppm')");
        CHECK(
            contains(error_of([&] { gone_on_with(identity); }), "knows 3 classes, but the data have 4 now"));
        fs::remove_all(root / "cat");
        CHECK(contains(changes_since(identity), "1 class is gone ('cat')"));
        CHECK(contains(error_of([&] { gone_on_with(identity); }), "the class 'dog' is none of those"));
    }
    SUBCASE("other pixels") {
        write_image(file(2, 7), 8, 8, 9, 9, 9);
        CHECK(changes_since(identity) == "1 image has other pixels ('cat/7.ppm')");
    }
    SUBCASE("other names") {
        fs::rename(file(2, 7), root / "cat" / "seven.ppm");
        CHECK(changes_since(identity) == "1 image has another name ('cat/7.ppm' is now 'cat/seven.ppm')");
    }
    SUBCASE("a copy") {
        fs::copy_file(file(2, 7), root / "cat" / "seven.ppm");
        CHECK(changes_since(identity) == "1 image is new ('cat/seven.ppm')");
    }
}

TEST_CASE_FIXTURE(
    Fixture,
    "whatever happens to the files, what was trained on is not validated on, or the other way round") {
    const Dataset before = load_dataset(options);
    const DatasetIdentity identity = identity_of(before);
    const int held_out = first_held_out(before, 0), trained = first_trained(before, 1);
    size_t kept_validation = 6;
    SUBCASE("another seed and share") {
        options.seed = 99;
        options.validation = 0.5;
    }
    SUBCASE("new files, which alone would redraw the split") {
        for (const char* name : {"ant/0a.ppm", "bee/0a.ppm", "cat/0a.ppm", "cat/0b.ppm"})
            write_new(name, static_cast<uint8_t>(100 + name[0] + name[5]));
    }
    SUBCASE("two files that changed places") {
        fs::rename(file(0, held_out), root / "x");
        fs::rename(file(1, trained), file(0, held_out));
        fs::rename(root / "x", file(1, trained));
    }
    SUBCASE("renamed files and classes") {
        for (int i = 0; i < 10; ++i) fs::rename(file(0, i), root / "ant" / (std::to_string(20 - i) + ".ppm"));
        fs::rename(root / "ant", root / "zebra");
    }
    SUBCASE("files that are gone") {
        fs::remove(file(0, held_out));
        fs::remove(file(1, trained));
        kept_validation = 5;
    }
    SUBCASE("copies under other names") {
        fs::copy_file(file(0, held_out), root / "ant" / "copy.ppm");
        fs::copy_file(file(1, trained), root / "bee" / "copy.ppm");
        kept_validation = 7;
    }
    SUBCASE("nothing") {}
    const Dataset after = gone_on_with(identity);
    CHECK(disjoint(images_of(before.train), images_of(after.validation)));
    CHECK(disjoint(images_of(before.validation), images_of(after.train)));
    CHECK(after.validation.count == static_cast<int64_t>(kept_validation));
    // And once more, from what this run would remember.
    const Dataset later = gone_on_with(identity_of(after));
    CHECK(images_of(later.train) == images_of(after.train));
    CHECK(images_of(later.validation) == images_of(after.validation));
    CHECK(later.train.rows == after.train.rows);
}

TEST_CASE_FIXTURE(Fixture, "a class with another name keeps its number") {
    const DatasetIdentity identity = identity_of(load_dataset(options));
    fs::rename(root / "ant", root / "zebra");
    const Dataset after = gone_on_with(identity);
    CHECK(after.class_names == std::vector<std::string>{"zebra", "bee", "cat"});
    for (int64_t i = 0; i < after.train.count; ++i)
        CHECK(after.train.labels[static_cast<size_t>(i)] == after.train.image(i)[0] / 50);
}

TEST_CASE_FIXTURE(
    Fixture, "a subset stays the same when files are added, and another share is drawn among its images") {
    options.subset = 0.5;
    const Dataset before = load_dataset(options);
    const DatasetIdentity identity = identity_of(before);
    write_new("ant/0a.ppm", 9);
    write_new("ant/0b.ppm", 10);
    Dataset after = gone_on_with(identity);
    const std::multiset<int> trained = images_of(after.train);
    CHECK(std::ranges::includes(trained, images_of(before.train)));
    CHECK(images_of(after.validation) == images_of(before.validation));
    CHECK(disjoint(images_of(before.left_out), trained));

    options.subset = 1.0;
    after = gone_on_with(identity);
    CHECK(after.train.count == 26);
    CHECK(after.left_out.count == 0);
    CHECK(images_of(after.validation) == images_of(before.validation));
}

TEST_CASE_FIXTURE(
    Fixture, "a run of which no validation image is left holds out some of the new ones, if there are any") {
    const DatasetIdentity identity = identity_of(load_dataset(options));
    fs::rename(root, folder.path() / "old");
    for (const char* name : {"ant", "bee", "cat"}) {
        for (int i = 0; i < 5; ++i) {
            write_image(root / name / (std::to_string(20 + i) + ".ppm"), 8, 8, 200,
                        static_cast<uint8_t>(name[0] + i), 0);
        }
    }
    const Dataset after = gone_on_with(identity);
    CHECK(after.validation.count == 3);
    CHECK(after.train.count == 12);
}

TEST_CASE(
    "images moved between train and val stay what they were; a validation folder of other images is named") {
    const TemporaryFolder folder;
    const fs::path root = folder.path() / "set";
    write_image_folder(root);
    const DatasetOptions options = folder_options(root, folder.path() / "cache");
    const Dataset before = load_dataset(options);
    const DatasetIdentity identity = identity_of(before);
    const auto look = [&] {
        const Dataset dataset = load_dataset(options);
        return std::pair{changes_between(identity, identity_of(dataset), dataset.skipped), dataset};
    };
    SUBCASE("moved") {
        fs::rename(root / "train/ant/0.ppm", root / "val/ant/7.ppm");
        const auto [changes, dataset] = look();
        CHECK(changes.clauses ==
              std::vector<std::string>{
                  "1 image was moved from the training to the validation images ('val/ant/7.ppm')"});
        const Dataset after = arranged(dataset, keep_parts(identity, identity_of(dataset), changes));
        CHECK(images_of(after.train) == images_of(before.train));
        CHECK(images_of(after.validation) == images_of(before.validation));
    }
    SUBCASE("new") {
        write_image(root / "val/ant/7.ppm", 8, 8, 9, 9, 9);
        const auto [changes, dataset] = look();
        CHECK(changes.clauses == std::vector<std::string>{"1 image is new ('val/ant/7.ppm')"});
        CHECK(arranged(dataset, keep_parts(identity, identity_of(dataset), changes)).validation.count == 7);
    }
}

TEST_CASE(
    "MNIST's images are known by their pixels, also where training and test files are exchanged in part") {
    const TemporaryFolder folder;
    const auto write = [&](const std::string& part, const Bytes& labels, uint8_t first) {
        const auto count = static_cast<uint8_t>(labels.size());
        Bytes images{0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 2},
            all_labels{0, 0, 8, 1, 0, 0, 0, count};
        for (uint8_t i = 0; i < count; ++i) images.insert(images.end(), 4, static_cast<uint8_t>(first + i));
        all_labels.insert(all_labels.end(), labels.begin(), labels.end());
        write_bytes(folder.path() / (part + "-images-idx3-ubyte"), images);
        write_bytes(folder.path() / (part + "-labels-idx1-ubyte"), all_labels);
    };
    write("train", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 10);
    write("t10k", {3, 1}, 100);
    DatasetOptions options;
    options.path = folder.path();
    const Dataset before = load_dataset(options);
    const DatasetIdentity identity = identity_of(before);
    const auto clauses = [&] {
        const Dataset dataset = load_dataset(options);
        return changes_between(identity, identity_of(dataset), {}).clauses;
    };
    CHECK(clauses().empty());
    write("t10k", {3, 2}, 100);
    CHECK(clauses() == std::vector<std::string>{"1 image was moved from class '1' to '2' ('t10k image 1')"});
    write("t10k", {3, 1}, 110);
    CHECK(clauses() ==
          std::vector<std::string>{"2 images have other pixels ('t10k image 0', 't10k image 1')"});
    write("t10k", {0, 1}, 10);  // two training images, once more
    const Dataset dataset = load_dataset(options);
    const DatasetIdentity now = identity_of(dataset);
    const Arrangement kept = keep_parts(identity, now, changes_between(identity, now, {}));
    CHECK(
        contains(error_of([&] { arranged(dataset, kept); }), "none of the run's validation images is left"));
}
