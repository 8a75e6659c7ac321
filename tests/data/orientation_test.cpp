// Orientations in EXIF and XMP: what is found in any bytes, what it costs, and what a data set says and makes
// of it.

#include "data/orientation.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <zlib.h>

#include <algorithm>

#include "data/cache.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

using namespace std::string_view_literals;

/// A directory with one entry: the orientation, as a value of this type.
Bytes exif(uint16_t type, uint32_t count, std::initializer_list<uint8_t> value) {
    Bytes bytes = bytes_of("II*\0\x08\0\0\0\x01\0\x12\x01"sv);
    for (const uint32_t part : {uint32_t{type}, count & 0xFFFF, count >> 16}) {
        bytes.push_back(static_cast<uint8_t>(part & 0xFF));
        bytes.push_back(static_cast<uint8_t>(part >> 8));
    }
    bytes.insert(bytes.end(), value);
    bytes.resize(bytes.size() + 4 - value.size());
    bytes.resize(bytes.size() + 4);  // no further directory
    return bytes;
}

Bytes with_app1(const Bytes& jpeg, const Bytes& body, int times = 1) {
    Bytes bytes(jpeg.begin(), jpeg.begin() + 2);
    for (int i = 0; i < times; ++i) {
        const size_t length = body.size() + 2;
        bytes.insert(bytes.end(),
                     {0xFF, 0xE1, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)});
        bytes.insert(bytes.end(), body.begin(), body.end());
    }
    bytes.insert(bytes.end(), jpeg.begin() + 2, jpeg.end());
    return bytes;
}

Bytes marked(const Bytes& exif) {
    Bytes bytes = bytes_of("Exif\0\0"sv);
    bytes.insert(bytes.end(), exif.begin(), exif.end());
    return bytes;
}

Bytes with_chunk(const Bytes& png, const std::string& name, const Bytes& body) {
    Bytes chunk;
    const auto add = [&chunk](uint32_t value) {
        for (int shift = 24; shift >= 0; shift -= 8) chunk.push_back(static_cast<uint8_t>(value >> shift));
    };
    add(static_cast<uint32_t>(body.size()));
    chunk.insert(chunk.end(), name.begin(), name.end());
    chunk.insert(chunk.end(), body.begin(), body.end());
    add(static_cast<uint32_t>(crc32_z(0, &chunk[4], chunk.size() - 4)));
    Bytes bytes = png;
    bytes.insert(bytes.begin() + 33, chunk.begin(), chunk.end());
    return bytes;
}

int orientation_in(const Bytes& file) { return decode_image(file, "file").orientation; }

}  // namespace

TEST_CASE("an orientation is any whole number of the first directory's entry") {
    CHECK(orientation_in_exif(exif(3, 1, {6, 0})) == 6);
    CHECK(orientation_in_exif(marked(exif(3, 1, {6, 0}))) == 6);
    CHECK(orientation_in_exif(exif(4, 1, {8, 0, 0, 0})) == 8);
    CHECK(orientation_in_exif(exif(3, 2, {5, 0, 9, 9})) == 5);  // the first of several
    CHECK(orientation_in_exif(exif(8, 1, {0xFF, 0xFF})) == -1);
    CHECK(orientation_in_exif(bytes_of("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x07\0\0"sv)) == 7);
    CHECK(orientation_in_exif(exif(1, 1, {6})) == 0);  // a byte is no number to Pillow, text even less
    CHECK(orientation_in_exif(exif(2, 2, {'6', 0})) == 0);
    CHECK(orientation_in_xmp("<rdf:Description tiff:Orientation=\"3\"/>") == 3);
    CHECK(orientation_in_xmp("tiff:Orientation=x <tiff:Orientation>8</tiff:Orientation>") == 8);
    CHECK(orientation_in_xmp("tiff:Orientation=\"") == std::nullopt);
    CHECK(orientation_of(6) == 6);
    CHECK(orientation_of(0) == 1);
    CHECK(orientation_of(9, 6) == 1);  // EXIF that has one, if a wrong one, counts
    CHECK(orientation_of(std::nullopt, 6) == 6);
    CHECK(orientation_of(-1) == 1);
    CHECK(orientation_of(int64_t{1} << 40) == 1);
}

TEST_CASE("EXIF that is cut short or changed anywhere is read or has no orientation, and the image is read") {
    const Bytes jpeg = read_bytes(golden_images() / "gray.jpg"),
                png = read_bytes(golden_images() / "gray.png");
    const Bytes pixels = decode_image(jpeg, "file").pixels;
    Bytes sound = exif(3, 1, {6, 0});
    for (size_t size = 0; size <= sound.size(); ++size) {
        CAPTURE(size);
        const Bytes cut(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(size));
        CHECK(orientation_in(with_app1(jpeg, marked(cut))) == (size >= sound.size() - 4 ? 6 : 1));
        CHECK(orientation_in(with_chunk(png, "eXIf", cut)) == (size >= sound.size() - 4 ? 6 : 1));
    }
    for (size_t at = 0; at < sound.size(); ++at) {
        for (const int flip : {0x01, 0x80, 0xFF}) {
            Bytes changed = sound;
            changed[at] = static_cast<uint8_t>(changed[at] ^ flip);
            const Image image = decode_image(with_app1(jpeg, marked(changed)), "file");
            CHECK(image.pixels == pixels);
            CHECK((image.orientation >= 1 && image.orientation <= 8));
        }
    }
    // A directory that lies behind the end, one of 65535 entries, one in itself.
    for (const std::string_view wrong : {"II*\0\xFF\xFF\xFF\xFF"sv, "MM\0*\0\0\0\x08\xFF\xFF\x01\x12"sv,
                                         "II*\0\0\0\0\0"sv, "II*\0\x08\0\0\0"sv}) {
        CHECK(orientation_of(orientation_in_exif(bytes_of(wrong))) == 1);
    }
}

TEST_CASE("EXIF may be in several segments; XMP counts where EXIF has no orientation") {
    const Bytes jpeg = read_bytes(golden_images() / "gray.jpg");
    const Bytes six = exif(3, 1, {6, 0});
    const Bytes first(six.begin(), six.begin() + 20), second(six.begin() + 20, six.end());
    CHECK(orientation_in(with_app1(with_app1(jpeg, marked(second)), marked(first))) == 6);
    CHECK(orientation_in(with_app1(jpeg, marked(first))) == 1);
    const Bytes xmp = bytes_of("http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation=\"3\"/>"sv);
    CHECK(orientation_in(with_app1(jpeg, xmp)) == 3);
    CHECK(orientation_in(with_app1(with_app1(jpeg, xmp), marked(six))) == 6);
    CHECK(orientation_in(with_app1(with_app1(jpeg, marked(six)), xmp)) == 6);
    CHECK(orientation_in(with_app1(jpeg, bytes_of("Exif and more"))) == 1);
    Bytes behind = jpeg;  // where no reader looks any more
    const Bytes late = with_app1({0xFF, 0xD8}, marked(six));
    behind.insert(behind.end() - 2, late.begin() + 2, late.end());
    CHECK(orientation_in(behind) == 1);
}

TEST_CASE("a PNG's orientation may be in texts, packed or not, as ImageMagick and Adobe write them") {
    const Bytes png = read_bytes(golden_images() / "gray.png");
    const auto packed = [](std::string_view text) {
        std::string bytes(compressBound(text.size()), '\0');
        uLongf length = bytes.size();
        REQUIRE(compress(reinterpret_cast<Bytef*>(bytes.data()), &length,
                         reinterpret_cast<const Bytef*>(text.data()), text.size()) == Z_OK);
        return bytes.substr(0, length);
    };
    const auto with_text = [&](const std::string& name, std::string_view head, std::string_view text) {
        return with_chunk(png, name, bytes_of(std::string(head) + std::string(text)));
    };
    std::string profile = "\nexif\n      32\n";
    for (const uint8_t byte : marked(exif(3, 1, {6, 0}))) {
        for (const int digit : {byte >> 4, byte & 15}) profile.push_back("0123456789abcdef"[digit]);
    }
    CHECK(orientation_in(with_text("tEXt", "Raw profile type exif\0"sv, profile)) == 6);
    CHECK(orientation_in(with_text("zTXt", "Raw profile type exif\0\0"sv, packed(profile))) == 6);
    CHECK(orientation_in(with_text("iTXt", "Raw profile type exif\0\0\0en\0\0"sv, profile)) == 6);
    CHECK(orientation_in(with_text("tEXt", "Raw profile type exif\0"sv, profile + "0")) == 1);
    CHECK(orientation_in(with_text("tEXt", "Raw profile type exif\0"sv, "")) == 1);
    const std::string_view xmp = "<tiff:Orientation>3</tiff:Orientation>";
    CHECK(orientation_in(with_text("tEXt", "XML:com.adobe.xmp\0"sv, xmp)) == 3);
    CHECK(orientation_in(with_text("iTXt", "XML:com.adobe.xmp\0\0\0\0\0"sv, xmp)) == 3);
    CHECK(orientation_in(with_text("iTXt", "XML:com.adobe.xmp\0\1\0\0\0"sv, packed(xmp))) == 3);
    CHECK(orientation_in(with_text("iTXt", "XML:com.adobe.xmp\0\1\0\0\0"sv, "no zlib")) == 1);
    CHECK(orientation_in(with_text("iTXt", "XML:com.adobe.xmp\0\1"sv, "")) == 1);
    CHECK(orientation_in(with_text("tEXt", "Comment\0"sv, xmp)) == 1);
    // A text that inflates to more than any sensible one.
    const std::string bomb = packed(std::string(64 << 20, ' ') + std::string(xmp));
    CHECK(orientation_in(with_text("zTXt", "XML:com.adobe.xmp\0\0"sv, bomb)) == 1);
}

TEST_CASE("metadata of any length cost no memory") {
    const auto peak_of = [](const Bytes& bytes) {
        rusage before{}, after{};
        getrusage(RUSAGE_SELF, &before);
        CHECK(orientation_in(bytes) == 6);
        getrusage(RUSAGE_SELF, &after);
        return after.ru_maxrss - before.ru_maxrss;  // KiB
    };
    Bytes six = marked(exif(3, 1, {6, 0}));
    six.resize(65'533);
    CHECK(peak_of(with_app1(read_bytes(golden_images() / "gray.jpg"), six, 900)) < 20'000);
    Bytes large = exif(3, 1, {6, 0});
    const Bytes png = with_chunk(read_bytes(golden_images() / "gray.png"), "eXIf", large);
    large.resize(20 << 20);  // more than libpng hands on: then it is none
    CHECK(orientation_in(with_chunk(read_bytes(golden_images() / "gray.png"), "eXIf", large)) == 1);
    CHECK(peak_of(png) < 20'000);
}

namespace {

/// Classes ant and bee. Of their images, five are turned and one is damaged.
struct Photographs {
    Photographs() {
        for (int i = 1; i <= 8; ++i) {
            const std::string name = "orientation_" + std::to_string(i) + ".jpg";
            fs::create_directories(root / "train" / "ant");
            fs::create_directories(root / "train" / "bee");
            fs::copy_file(golden_images() / name, root / "train" / (i < 4 ? "ant" : "bee") / name);
        }
        fs::remove(root / "train" / "bee" / "orientation_8.jpg");
        fs::remove(root / "train" / "ant" / "orientation_2.jpg");
        Bytes damaged = read_bytes(golden_images() / "orientation_8.jpg");
        damaged.resize(damaged.size() / 2);
        write_bytes(root / "train" / "bee" / "damaged.jpg", damaged);
        for (const char* name : {"ant", "bee"}) write_image(root / "val" / name / "a.ppm", 7, 5, 1, 2, 3);
        options = folder_options(root, folder.path() / "cache");
        options.image_size = 5;
    }

    std::string notice() const {
        std::string all;
        for (const std::string& sentence : load_dataset(options).notices) all += sentence + "\n";
        return all;
    }

    TemporaryFolder folder;
    fs::path root = folder.path() / "set";
    DatasetOptions options;
};

}  // namespace

TEST_CASE_FIXTURE(Photographs,
                  "a data set says how many images carry an orientation, decoded and from the cache") {
    for (int run = 0; run < 2; ++run) {
        options.exif_orientation = false;
        CHECK(notice() ==
              "5 of 8 images carry an EXIF orientation, which is ignored as torchvision does; "
              "data.exif_orientation = true applies it\n");
        options.exif_orientation = true;
        CHECK(notice() ==
              "5 of 8 images carry an EXIF orientation, which is applied (data.exif_orientation = true)\n");
    }
    CHECK(std::distance(fs::directory_iterator(options.cache_folder), {}) == 2);  // one for each of the two
    for (int i = 4; i <= 7; ++i)
        fs::remove(root / "train" / "bee" / ("orientation_" + std::to_string(i) + ".jpg"));
    fs::copy_file(golden_images() / "orientation_1.jpg", root / "train" / "bee" / "upright.jpg");
    CHECK(notice() ==
          "1 of 5 images carries an EXIF orientation, which is applied (data.exif_orientation = true)\n");
    fs::remove(root / "train" / "ant" / "orientation_3.jpg");
    CHECK(notice() == "");
}

TEST_CASE_FIXTURE(Photographs, "a data set's images are turned before they are resized and cropped") {
    options.image_size = 3;
    const auto image_of = [&](const std::string& name) {
        const Dataset dataset = load_dataset(options);
        for (int64_t i = 0; i < dataset.train.count; ++i) {
            if (dataset.train.name(i).ends_with(name))
                return Bytes(dataset.train.image(i), dataset.train.image(i) + 27);
        }
        return Bytes();
    };
    // The same pixels without EXIF.
    const std::string six = "orientation_6.jpg";
    fs::copy_file(golden_images() / (six + ".upright.ppm"), root / "train" / "bee" / "upright.ppm");
    const Bytes expected = image_of("upright.ppm");
    CHECK(image_of(six) != expected);
    options.exif_orientation = true;
    CHECK(image_of(six) == expected);
    CHECK(load_dataset(options).exif_orientation);
}
