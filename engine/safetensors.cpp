// The safetensors format: see safetensors.h.

#include "engine/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/atomic_file.h"
#include "engine/error.h"
#include "engine/parse_json.h"
#include "kernels/half.h"

namespace vitrine {
namespace {

static_assert(std::endian::native == std::endian::little,
              "safetensors are little-endian, and so is this reader");

using Json = nlohmann::json;

constexpr uint64_t largest_header = 100'000'000;

template <class T>
std::vector<double> decode(const std::string& bytes) {
    std::vector<double> values(bytes.size() / sizeof(T));
    for (size_t i = 0; i < values.size(); ++i) {
        T value;
        std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
        values[i] = static_cast<double>(value);
    }
    return values;
}

/// The types that values() reads.
using Decode = std::vector<double> (*)(const std::string& bytes);
constexpr std::array<std::pair<std::string_view, Decode>, 6> decoders{{{"F16", decode<f16>},
                                                                       {"BF16", decode<bf16>},
                                                                       {"F32", decode<float>},
                                                                       {"F64", decode<double>},
                                                                       {"I32", decode<int32_t>},
                                                                       {"I64", decode<int64_t>}}};

Decode decoder_of(const std::string& dtype) {
    const auto found =
        std::ranges::find(decoders, std::string_view(dtype), &decltype(decoders)::value_type::first);
    return found == decoders.end() ? nullptr : found->second;
}

template <class T>
std::string encode(std::span<const double> values) {
    std::string bytes(values.size() * sizeof(T), '\0');
    for (size_t i = 0; i < values.size(); ++i) {
        const T value = static_cast<T>(values[i]);
        std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
    }
    return bytes;
}

/// An element's size in bits, 0 for a type that the format does not have.
uint64_t element_bits(const std::string& dtype) {
    static const std::map<std::string, uint64_t> bits{
        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"BOOL", 8},        {"U8", 8},          {"I8", 8},
        {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
        {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
        {"F64", 64},    {"I64", 64},    {"U64", 64},    {"C64", 64}};
    const auto found = bits.find(dtype);
    return found == bits.end() ? 0 : found->second;
}

/// What the header says of a tensor.
struct Entry {
    std::string name, dtype;
    std::vector<int64_t> shape;
    uint64_t begin = 0, end = 0;  // its data_offsets
};

/// Whole numbers from 0 up. Text, fractions and negative ones are not taken for such.
uint64_t whole(const Json& value, const std::string& name, const char* what) {
    if (!value.is_number_unsigned())
        throw Error(fmt::format("{} has a {} that is no whole number from 0 up", name, what));
    return value.get<uint64_t>();
}

const Json& member(const Json& entry, const std::string& name, const char* key, Json::value_t type) {
    const auto found = entry.is_object() ? entry.find(key) : entry.end();
    if (!entry.is_object() || found == entry.end() || found->type() != type)
        throw Error(fmt::format("{} has no {}, or one of the wrong type", name, key));
    return *found;
}

Entry parse_entry(const std::string& name, const Json& json) {
    Entry entry{.name = name, .dtype = member(json, name, "dtype", Json::value_t::string), .shape = {}};
    for (const Json& each : member(json, name, "shape", Json::value_t::array)) {
        const uint64_t extent = whole(each, name, "shape");
        if (extent > std::numeric_limits<int64_t>::max()) throw Error(name + " has an absurd shape");
        entry.shape.push_back(static_cast<int64_t>(extent));
    }
    const Json& offsets = member(json, name, "data_offsets", Json::value_t::array);
    if (offsets.size() != 2)
        throw Error(fmt::format("{} has {} data_offsets instead of 2", name, offsets.size()));
    entry.begin = whole(offsets[0], name, "data_offset");
    entry.end = whole(offsets[1], name, "data_offset");
    return entry;
}

/// Throws unless the shape asks for exactly the bytes between the offsets.
void check_size(const Entry& entry) {
    const uint64_t bits = element_bits(entry.dtype);
    if (bits == 0) throw Error(fmt::format("{} has the unknown dtype {}", entry.name, entry.dtype));
    uint64_t wanted = 1;
    bool absurd = false;
    for (const int64_t extent : entry.shape)
        absurd |= __builtin_mul_overflow(wanted, static_cast<uint64_t>(extent), &wanted);
    absurd |= __builtin_mul_overflow(wanted, bits, &wanted);
    if (absurd || wanted % 8 != 0) throw Error(entry.name + " has an absurd shape");
    if (entry.end < entry.begin || entry.end - entry.begin != wanted / 8)
        throw Error(entry.name + " does not have the bytes that its shape needs");
}

/// Puts them into the order of their bytes, which must follow each other from 0 to `size`.
void check_places(std::vector<Entry>& entries, uint64_t size) {
    std::ranges::stable_sort(entries, {},
                             [](const Entry& entry) { return std::pair(entry.begin, entry.end); });
    uint64_t end = 0;
    for (const Entry& entry : entries) {
        if (entry.begin != end) throw Error(entry.name + " does not follow the tensor before it");
        check_size(entry);
        end = entry.end;
    }
    if (end > size) throw Error("it ends before its last tensor does");
    if (end < size) throw Error("bytes follow its last tensor");
}

std::map<std::string, std::string> parse_metadata(const Json& json) {
    std::map<std::string, std::string> metadata;
    if (json.is_null()) return metadata;
    const bool texts = json.is_object() && std::ranges::all_of(json, &Json::is_string);
    if (!texts) throw Error("its __metadata__ is no map of texts");
    for (const auto& [key, value] : json.items()) metadata.emplace(key, value.get<std::string>());
    return metadata;
}

/// Its tensors without their bytes.
Json parse_header(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) throw Error("its header begins with a byte order mark");
    // Unknown keys of a tensor may hold anything; the depth is that of the format's own library.
    const JsonLimits limits{.bytes = largest_header, .depth = 127, .keys = largest_header, .distinct = true};
    try {
        Json header = parse_json(text, limits);
        if (!header.is_object()) throw Error("is no JSON object");
        return header;
    } catch (const Error& error) {
        throw Error(fmt::format("its header {}", error.what()));
    }
}

SafeTensors parse(std::string_view content) {
    uint64_t header_size = 0;
    if (content.size() < sizeof(header_size)) throw Error("it is shorter than 8 bytes");
    std::memcpy(&header_size, content.data(), sizeof(header_size));
    content.remove_prefix(sizeof(header_size));
    if (header_size > largest_header || header_size > content.size())
        throw Error("its header is larger than the file or than 100 MB");
    const Json header = parse_header(content.substr(0, header_size));
    content.remove_prefix(header_size);

    SafeTensors file;
    std::vector<Entry> entries;
    for (const auto& [name, value] : header.items()) {
        if (name == "__metadata__")
            file.metadata = parse_metadata(value);
        else
            entries.push_back(parse_entry(name, value));
    }
    check_places(entries, content.size());
    for (Entry& entry : entries) {
        const std::string_view bytes = content.substr(entry.begin, entry.end - entry.begin);
        file.tensors.push_back({std::move(entry.name), std::move(entry.dtype), Shape(std::move(entry.shape)),
                                std::string(bytes)});
    }
    return file;
}

}  // namespace

bool SafeTensor::is_number() const { return decoder_of(dtype) != nullptr; }

std::vector<double> SafeTensor::values() const {
    if (const Decode decode_all = decoder_of(dtype)) return decode_all(bytes);
    throw Error(
        fmt::format("tensor {} has dtype {}, but F16, BF16, F32, F64, I32 or I64 is needed", name, dtype));
}

SafeTensor SafeTensor::f32(std::string name, Shape shape, std::span<const double> values) {
    return {std::move(name), "F32", std::move(shape), encode<float>(values)};
}

SafeTensor SafeTensor::f64(std::string name, Shape shape, std::span<const double> values) {
    return {std::move(name), "F64", std::move(shape), encode<double>(values)};
}

SafeTensor SafeTensor::i64(std::string name, Shape shape, std::span<const double> values) {
    return {std::move(name), "I64", std::move(shape), encode<int64_t>(values)};
}

const SafeTensor* SafeTensors::find(std::string_view name) const {
    const auto found = std::ranges::find(tensors, name, &SafeTensor::name);
    return found == tensors.end() ? nullptr : &*found;
}

const SafeTensor& SafeTensors::at(std::string_view name) const {
    if (const SafeTensor* tensor = find(name)) return *tensor;
    throw Error(fmt::format("the file has no tensor {}", name));
}

SafeTensors parse_safetensors(std::string_view content, const std::string& source) {
    try {
        return parse(content);
    } catch (const Error& error) {
        throw Error(fmt::format("{} is not a safetensors file: {}", source, error.what()));
    }
}

SafeTensors read_safetensors(const std::filesystem::path& path, Links links) {
    return parse_safetensors(read_file(path, std::numeric_limits<uint64_t>::max(), links), path.string());
}

void write_safetensors(const std::filesystem::path& path, const SafeTensors& file, Links links) {
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
    uint64_t end = 0;
    std::string buffer;
    for (const SafeTensor& tensor : file.tensors) {
        const uint64_t begin = end;
        end += tensor.bytes.size();
        header[tensor.name] = {
            {"dtype", tensor.dtype}, {"shape", tensor.shape.extents()}, {"data_offsets", {begin, end}}};
        buffer += tensor.bytes;
    }
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    const uint64_t header_size = text.size();
    std::string size(sizeof(header_size), '\0');
    std::memcpy(size.data(), &header_size, sizeof(header_size));
    write_atomically(path, {size, text, buffer}, links);
}

}  // namespace vitrine
