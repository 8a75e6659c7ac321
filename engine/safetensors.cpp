// The safetensors format: see safetensors.h.

#include "engine/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <type_traits>

#include "engine/atomic_file.h"
#include "engine/error.h"

namespace vitrine {
namespace {

static_assert(std::endian::native == std::endian::little,
              "safetensors are little-endian, and so is this reader");

using Json = nlohmann::ordered_json;

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

template <class T>
std::string encode(std::span<const double> values) {
    std::string bytes(values.size() * sizeof(T), '\0');
    for (size_t i = 0; i < values.size(); ++i) {
        const T value = static_cast<T>(values[i]);
        std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
    }
    return bytes;
}

/// Bytes of an element, 0 for a type that the format does not have.
int64_t element_size(const std::string& dtype) {
    static const std::map<std::string, int64_t> sizes{
        {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"I16", 2}, {"U16", 2}, {"F16", 2}, {"BF16", 2},
        {"I32", 4},  {"U32", 4}, {"F32", 4}, {"F64", 8}, {"I64", 8}, {"U64", 8}};
    const auto found = sizes.find(dtype);
    return found == sizes.end() ? 0 : found->second;
}

/// Throws if the parser meets a name twice: the last would win silently otherwise.
Json parse_header(const std::string& text) {
    std::vector<std::set<std::string>> names;
    const auto refuse_duplicates = [&](int, Json::parse_event_t event, Json& parsed) {
        if (event == Json::parse_event_t::object_start) names.emplace_back();
        if (event == Json::parse_event_t::object_end) names.pop_back();
        if (event == Json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second) {
            throw std::invalid_argument("the name " + parsed.get<std::string>() + " stands in it twice");
        }
        return true;
    };
    return Json::parse(text, refuse_duplicates);
}

SafeTensor parse_entry(const std::string& name, const Json& entry, const std::string& content,
                       uint64_t buffer_start, uint64_t expected_begin) {
    SafeTensor tensor{name, entry.at("dtype").get<std::string>(), {}, {}};
    const int64_t size = element_size(tensor.dtype);
    if (size == 0)
        throw std::invalid_argument(fmt::format("{} has the unknown dtype {}", name, tensor.dtype));
    uint64_t wanted = static_cast<uint64_t>(size);
    std::vector<int64_t> extents;
    for (const Json& extent : entry.at("shape")) {
        extents.push_back(extent.get<int64_t>());
        if (extents.back() < 0) throw std::invalid_argument(name + " has a negative extent");
        if (__builtin_mul_overflow(wanted, static_cast<uint64_t>(extents.back()), &wanted)) {
            throw std::invalid_argument(name + " has an absurd shape");
        }
    }
    tensor.shape = Shape(std::move(extents));
    const auto begin = entry.at("data_offsets").at(0).get<uint64_t>();
    const auto end = entry.at("data_offsets").at(1).get<uint64_t>();
    if (begin != expected_begin) throw std::invalid_argument(name + " does not follow the tensor before it");
    if (end < begin || end - begin != wanted || end > content.size() - buffer_start) {
        throw std::invalid_argument(name + " does not have the bytes that its shape needs");
    }
    tensor.bytes = content.substr(buffer_start + begin, wanted);
    return tensor;
}

SafeTensors parse(const std::string& content) {
    uint64_t header_size = 0;
    if (content.size() < sizeof(header_size)) throw std::invalid_argument("it is shorter than 8 bytes");
    std::memcpy(&header_size, content.data(), sizeof(header_size));
    if (header_size > largest_header || header_size > content.size() - sizeof(header_size)) {
        throw std::invalid_argument("its header is larger than the file or than 100 MB");
    }
    const uint64_t buffer_start = sizeof(header_size) + header_size;
    const Json header = parse_header(content.substr(sizeof(header_size), header_size));

    SafeTensors file;
    std::vector<std::pair<uint64_t, std::string>> by_offset;
    for (const auto& [name, entry] : header.items()) {
        if (name == "__metadata__") {
            file.metadata = entry.get<std::map<std::string, std::string>>();
        } else {
            by_offset.emplace_back(entry.at("data_offsets").at(1).get<uint64_t>(), name);
        }
    }
    std::ranges::stable_sort(by_offset, {}, &std::pair<uint64_t, std::string>::first);
    uint64_t end = 0;
    for (const auto& [tensor_end, name] : by_offset) {
        file.tensors.push_back(parse_entry(name, header.at(name), content, buffer_start, end));
        end = tensor_end;
    }
    if (end != content.size() - buffer_start) throw std::invalid_argument("bytes follow its last tensor");
    return file;
}

}  // namespace

std::vector<double> SafeTensor::values() const {
    if (dtype == "F32") return decode<float>(bytes);
    if (dtype == "F64") return decode<double>(bytes);
    if (dtype == "I64") return decode<int64_t>(bytes);
    throw Error(fmt::format("tensor {} has dtype {}, but F32, F64 or I64 is needed", name, dtype));
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

SafeTensors read_safetensors(const std::filesystem::path& path, Links links) {
    const std::string content = read_file(path, std::numeric_limits<uint64_t>::max(), links);
    try {
        return parse(content);
    } catch (const std::exception& error) {
        throw Error(fmt::format("{} is not a safetensors file: {}", path.string(), error.what()));
    }
}

void write_safetensors(const std::filesystem::path& path, const SafeTensors& file, Links links) {
    Json header = Json::object();
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
