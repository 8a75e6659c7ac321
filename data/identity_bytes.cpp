// A data set's identity as bytes and back: see identity.h.
//
// Texts, each ended by a zero byte, which no file's name can hold: what this is; kind, height, width, seed,
// the shares held out and kept, whether it was rearranged, whether images were turned (not in version 1); the
// number of classes and their names; the number of images, and for each its label, the first letter of its
// part, the hash of its pixels (hexadecimal), and its name.

#include <fmt/format.h>

#include <charconv>

#include "data/identity.h"
#include "engine/error.h"

namespace vitrine {
namespace {

constexpr std::string_view magic = "vitrine data 3";
constexpr std::string_view second_magic = "vitrine data 2";  // without own sizes
constexpr std::string_view first_magic = "vitrine data 1";   // without turning, too

class Writer {
  public:
    void text(std::string_view value) { bytes_.append(value).push_back('\0'); }
    template <class Number>
    void number(Number value) {
        fmt::format_to(std::back_inserter(bytes_), "{}", value);
        bytes_.push_back('\0');
    }
    void hexadecimal(uint64_t value) {
        fmt::format_to(std::back_inserter(bytes_), "{:x}", value);
        bytes_.push_back('\0');
    }
    std::string bytes() && { return std::move(bytes_); }

  private:
    std::string bytes_;
};

class Reader {
  public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    std::string_view text() {
        const size_t end = bytes_.find('\0');
        if (end == std::string_view::npos) fail("it ends early");
        const std::string_view value = bytes_.substr(0, end);
        bytes_.remove_prefix(end + 1);
        return value;
    }
    template <class Number>
    Number number(Number low, Number high) {
        const std::string_view text = this->text();
        Number value{};
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc{} || end != text.data() + text.size() || !(value >= low && value <= high))
            fail("a number is out of its range");
        return value;
    }
    uint64_t hexadecimal() {
        const std::string_view text = this->text();
        uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
        if (error != std::errc{} || end != text.data() + text.size()) fail("a hash is none");
        return value;
    }
    /// Of things that take at least so many bytes each.
    int64_t how_many(size_t bytes_each) {
        return number<int64_t>(0, static_cast<int64_t>(bytes_.size() / bytes_each));
    }
    void expect_end() const {
        if (!bytes_.empty()) fail("it goes on behind its end");
    }
    [[noreturn]] static void fail(const char* reason) {
        throw Error(fmt::format("the list of the images that a run knows cannot be read: {}", reason));
    }

  private:
    std::string_view bytes_;
};

Part part_of(std::string_view letter) {
    for (const Part part : {Part::training, Part::validation, Part::left_out}) {
        if (letter.size() == 1 && letter.front() == *name_of(part)) return part;
    }
    Reader::fail("there is no such part");
}

Keeping read_keeping(Reader& reader) {
    const std::optional<ImageShape> shape = image_shape_of(reader.text());
    if (!shape) Reader::fail("there is no such shape of images");
    return {*shape, reader.number<int64_t>(0, 1 << 20)};
}

}  // namespace

std::string pack(const DatasetIdentity& identity) {
    Writer writer;
    writer.text(magic);
    writer.text(identity.kind);
    writer.number(identity.height);
    writer.number(identity.width);
    writer.number(identity.draw.seed);
    writer.number(identity.draw.validation);
    writer.number(identity.draw.subset);
    writer.number(identity.draw.rearranged ? 1 : 0);
    writer.number(identity.exif_orientation ? 1 : 0);
    writer.text(name_of(identity.keeping.shape));
    writer.number(identity.keeping.side);
    writer.number(identity.classes.size());
    for (const std::string& name : identity.classes) writer.text(name);
    writer.number(identity.images.size());
    for (const KnownImage& image : identity.images) {
        writer.number(image.label);
        writer.text({name_of(image.part), 1});
        writer.hexadecimal(image.pixels);
        writer.text(image.name);
    }
    return std::move(writer).bytes();
}

DatasetIdentity unpack_identity(std::string_view bytes) {
    constexpr int64_t largest_side = 1 << 20;
    Reader reader(bytes);
    const std::string_view version = reader.text();
    if (version != magic && version != second_magic && version != first_magic)
        Reader::fail("it is of another kind or version");
    DatasetIdentity identity;
    identity.kind = reader.text();
    identity.height = reader.number<int64_t>(0, largest_side);
    identity.width = reader.number<int64_t>(0, largest_side);
    if ((identity.height == 0) != (identity.width == 0)) Reader::fail("its images have one side");
    identity.draw.seed = reader.number<uint64_t>(0, UINT64_MAX);
    identity.draw.validation = reader.number(0.0, 1.0);
    identity.draw.subset = reader.number(0.0, 1.0);
    identity.draw.rearranged = reader.number(0, 1) == 1;
    if (version != first_magic) identity.exif_orientation = reader.number(0, 1) == 1;
    if (version == magic) identity.keeping = read_keeping(reader);
    const int64_t classes = reader.how_many(1);
    for (int64_t i = 0; i < classes; ++i) identity.classes.emplace_back(reader.text());
    const int64_t images = reader.how_many(7);
    for (int64_t i = 0; i < images; ++i) {
        KnownImage image;
        image.label = reader.number<int32_t>(0, static_cast<int32_t>(classes) - 1);
        image.part = part_of(reader.text());
        image.pixels = reader.hexadecimal();
        image.name = reader.text();
        identity.images.push_back(std::move(image));
    }
    reader.expect_end();
    return identity;
}

}  // namespace vitrine
