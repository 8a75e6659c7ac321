// Sets whose images each have a size of their own: kept in their proportions or as they are, from the cache or from
// memory.

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "data/dataset.h"
#include "data/dataset_changes.h"
#include "data/identity.h"
#include "data/loader.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

struct Size {
    int64_t height, width;
};

/// Two classes of five photographs each, wide and tall, small and large, with a pattern that tells rows from columns.
struct Fixture {
    TemporaryFolder folder;
    fs::path root = folder.path() / "set";
    DatasetOptions options = folder_options(root, folder.path() / "cache");

    Fixture() {
        const std::vector<Size> sizes = {{20, 31}, {9, 8}, {40, 13}, {6, 50}, {16, 16}};
        for (const std::string name : {"ant", "bee"}) {
            for (size_t i = 0; i < sizes.size(); ++i) {
                const std::string header =
                    "P6 " + std::to_string(sizes[i].width) + " " + std::to_string(sizes[i].height) + " 255\n";
                Bytes bytes = bytes_of(header);
                for (int64_t p = 0; p < 3 * sizes[i].height * sizes[i].width; ++p)
                    bytes.push_back(static_cast<uint8_t>(p * p / 7 + name[0] + static_cast<int64_t>(i)));
                write_bytes(root / name / (std::to_string(i) + ".ppm"), bytes);
            }
        }
        options.validation = 0.4;
    }

    Dataset load() const { return load_dataset(options); }

    /// Every image is what keep() makes of its file.
    void check_pixels(const Dataset& dataset, const Keeping& keeping) const {
        CHECK(dataset.train.count == 6);
        CHECK(dataset.validation.count == 4);
        for (const ImageSet* set : {&dataset.train, &dataset.validation}) {
            CHECK(set->height == 0);
            CHECK(set->width == 0);
            for (int64_t i = 0; i < set->count; ++i) {
                CAPTURE(set->name(i));
                const Image expected = keep(read_image(root / set->name(i)), keeping, "");
                const Image image = copied_image(*set, i);
                CHECK(image.height == expected.height);
                CHECK(image.width == expected.width);
                CHECK(image.pixels == expected.pixels);
                CHECK(set->place(i).offset % 64 == 0);
            }
        }
    }

    void set(const Keeping& keeping) {
        options.shape = keeping.shape;
        options.image_size = keeping.side;
    }
};

const std::vector<Keeping> keepings = {
    {ImageShape::aspect, 8}, {ImageShape::aspect, 16}, {ImageShape::original, 0}, {ImageShape::original, 10}};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "images of their own sizes are the same when decoded, from the cache and in memory") {
    for (const Keeping& keeping : keepings) {
        CAPTURE(name_of(keeping.shape));
        CAPTURE(keeping.side);
        set(keeping);
        check_pixels(load(), keeping);
        const Dataset mapped = load();
        CHECK(mapped.notices.empty());
        check_pixels(mapped, keeping);
        write_text(folder.path() / "file", "");
        DatasetOptions elsewhere = options;
        elsewhere.cache_folder = folder.path() / "file";
        const Dataset in_memory = load_dataset(elsewhere);
        REQUIRE(in_memory.notices.size() == 1);
        CHECK(contains(in_memory.notices[0], "the images are kept in memory"));
        check_pixels(in_memory, keeping);
        CHECK(identity_of(in_memory) == identity_of(mapped));
        CHECK(in_memory.statistics.mean == mapped.statistics.mean);
        CHECK(in_memory.statistics.stddev == mapped.statistics.stddev);
    }
    CHECK(std::distance(fs::directory_iterator(options.cache_folder), {}) == std::ssize(keepings));
}

TEST_CASE_FIXTURE(Fixture,
                  "where no side is given, proportions are kept at the folder's size and originals whole") {
    options.folder_size = 12;
    set({ImageShape::aspect, 0});
    check_pixels(load(), {ImageShape::aspect, 12});
    set({ImageShape::original, 0});
    check_pixels(load(), {ImageShape::original, 0});
}

TEST_CASE_FIXTURE(Fixture, "statistics of images of their own sizes are over all pixels") {
    set({ImageShape::original, 0});
    const Dataset dataset = load();
    double sum = 0, count = 0;
    for (int64_t i = 0; i < dataset.train.count; ++i) {
        const Image image = copied_image(dataset.train, i);
        for (size_t p = 1; p < image.pixels.size(); p += 3) sum += image.pixels[p];
        count += static_cast<double>(image.height * image.width);
    }
    CHECK(dataset.statistics.mean[1] == doctest::Approx(sum / count / 255).epsilon(1e-6));
}

TEST_CASE_FIXTURE(Fixture, "batches of images of their own sizes hold each one whole, or say where it is") {
    set({ImageShape::aspect, 8});
    load();
    const Dataset dataset = load();
    for (const bool pixels : {true, false}) {
        Loader loader(dataset.train, {.batch_size = 4, .pixels = pixels});
        loader.start_epoch(1);
        int64_t seen = 0;
        for (Batch batch; loader.next(batch); seen += batch.count) {
            for (size_t n = 0; n < batch.samples.size(); ++n) {
                const Image expected = copied_image(dataset.train, batch.samples[n]);
                CHECK(batch.places[n].height == expected.height);
                CHECK(batch.places[n].width == expected.width);
                const uint8_t* first =
                    (pixels ? batch.images.data() : dataset.train.pixels.data) + batch.places[n].offset;
                CHECK(Bytes(first, first + expected.pixels.size()) == expected.pixels);
            }
        }
        CHECK(seen == 6);
    }
}

TEST_CASE_FIXTURE(Fixture, "sets of images of their own sizes are joined, on one block and on two") {
    set({ImageShape::original, 0});
    const Dataset dataset = load();
    options.cache_folder = folder.path() / "another cache";
    const Dataset again = load();
    for (const ImageSet& second : {dataset.validation, again.validation}) {
        const ImageSet both = joined(dataset.train, second);
        REQUIRE(both.count == 10);
        CHECK(both.height == 0);
        for (int64_t i = 0; i < 10; ++i) {
            const ImageSet& from = i < 6 ? dataset.train : second;
            CHECK(copied_image(both, i).pixels == copied_image(from, i < 6 ? i : i - 6).pixels);
            CHECK(copied_image(both, i).height == copied_image(from, i < 6 ? i : i - 6).height);
            CHECK(both.name(i) == from.name(i < 6 ? i : i - 6));
        }
    }
}

TEST_CASE_FIXTURE(
    Fixture, "images of their own sizes are known again, and two with the same bytes in other rows are two") {
    set({ImageShape::original, 0});
    for (const auto& [name, size] :
         std::vector<std::pair<std::string, Size>>{{"a", {2, 8}}, {"b", {8, 2}}, {"c", {2, 8}}})
        write_image(root / "ant" / (name + ".ppm"), size.height, size.width, 9, 9, 9);
    const Dataset dataset = load();
    const DatasetIdentity identity = identity_of(dataset);
    CHECK(unpack_identity(pack(identity)) == identity);
    CHECK(identity.height == 0);
    CHECK(identity_of(load()) == identity);
    const auto hash_of = [&](const std::string& name) {
        return std::ranges::find(identity.images, "ant/" + name + ".ppm", &KnownImage::name)->pixels;
    };
    CHECK(hash_of("a") == hash_of("c"));
    CHECK(hash_of("a") != hash_of("b"));
}

TEST_CASE_FIXTURE(
    Fixture,
    "an image that would grow past all bounds is left out with its reason; with strict it is refused") {
    write_bytes(root / "bee" / "line.ppm", [] {
        Bytes bytes = bytes_of("P6 60000 1 255\n");
        bytes.resize(bytes.size() + 180'000, 5);
        return bytes;
    }());
    set({ImageShape::aspect, 4096});
    options.kind = "class_folders";
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
        if (entry.path().filename() != "line.ppm" && entry.path().filename() != "1.ppm" &&
            entry.is_regular_file())
            fs::remove(entry.path());
    }
    write_image(root / "ant" / "2.ppm", 1, 1, 1, 1, 1);
    write_image(root / "bee" / "2.ppm", 1, 1, 1, 1, 1);
    options.strict = true;
    const std::string reason =
        "60000 x 1 pixels would become 245760000 x 4096; at most 268435456 pixels are kept";
    CHECK(error_of([&] { load(); }) == (root / "bee" / "line.ppm").string() + ": " + reason);
    set({ImageShape::aspect, 64});
    options.strict = false;
    set({ImageShape::original, 1});
    CHECK(load().skipped.empty());
}

TEST_CASE_FIXTURE(Fixture, "damaged images and turned ones among those of their own sizes") {
    set({ImageShape::original, 0});
    write_text(root / "ant" / "broken.ppm", "P6 4 4 255 too short");
    fs::copy_file(golden_images() / "orientation_6.jpg", root / "bee" / "turned.jpg");
    for (const bool upright : {false, true}) {
        options.exif_orientation = upright;
        const Dataset dataset = load();
        REQUIRE(dataset.skipped.size() == 1);
        CHECK(dataset.skipped[0].name == "ant/broken.ppm");
        CHECK(dataset.notices.size() == 1);
        const Image expected =
            read_image(root / "bee" / "turned.jpg", nullptr, upright ? Turning::upright : Turning::as_stored);
        const ImageSet all = joined(dataset.train, dataset.validation);
        bool found = false;
        for (int64_t i = 0; i < all.count; ++i) {
            if (all.name(i) != "bee/turned.jpg") continue;
            found = true;
            CHECK(all.place(i).height == expected.height);
            CHECK(copied_image(all, i).pixels == expected.pixels);
        }
        CHECK(found);
    }
}
