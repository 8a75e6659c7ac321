// The safetensors format: a JSON header and one buffer of raw tensors.
//
//     u64 little-endian N | N bytes of JSON, padded with spaces to a multiple of 8 | the tensors' bytes
//
// The header maps each name to {dtype, shape, data_offsets}, offsets counted from the end of the header, and
// "__metadata__" to a map of strings. Tensors follow each other without holes, little-endian, in C order.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/input_file.h"
#include "engine/shape.h"

namespace vitrine {

struct SafeTensor {
    std::string name;
    std::string dtype;  // "F32", "F64", "I64", "I32", "U8", …
    Shape shape;
    std::string bytes;

    /// Whether values() can read its type.
    bool is_number() const;
    /// Values of a tensor of numbers: F16, BF16, F32, F64, I32 or I64. Throws Error naming the tensor for other types.
    std::vector<double> values() const;
    static SafeTensor f32(std::string name, Shape shape, std::span<const double> values);
    static SafeTensor f64(std::string name, Shape shape, std::span<const double> values);
    static SafeTensor i64(std::string name, Shape shape, std::span<const double> values);
};

struct SafeTensors {
    std::vector<SafeTensor> tensors;  // in the order of the file
    std::map<std::string, std::string> metadata;

    /// Null if there is none of that name.
    const SafeTensor* find(std::string_view name) const;
    /// Throws Error naming what is missing.
    const SafeTensor& at(std::string_view name) const;
};

/// A file's content. Throws Error naming `source` and what is wrong with it.
SafeTensors parse_safetensors(std::string_view content, const std::string& source);

/// Throws Error naming the file and what is wrong with it; never reads outside of it.
SafeTensors read_safetensors(const std::filesystem::path& path, Links links = Links::follow);

/// Written whole or not at all (atomic_file.h).
void write_safetensors(const std::filesystem::path& path, const SafeTensors& file,
                       Links links = Links::follow);

}  // namespace vitrine
