// Tensors of a file of torch.save: see torch_tensor.h.

#include "engine/torch_tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "engine/error.h"
#include "engine/escape.h"

namespace vitrine {
namespace {

using Kind = PickleValue::Kind;
using Items = std::vector<const PickleValue*>;

/// A type of elements: the class of its storage, its own name, safetensors' name, and its size in bytes.
struct ElementType {
    std::string_view storage, name, dtype;
    int64_t size;
};

constexpr std::array element_types{ElementType{"torch.FloatStorage", "torch.float32", "F32", 4},
                                   ElementType{"torch.DoubleStorage", "torch.float64", "F64", 8},
                                   ElementType{"torch.HalfStorage", "torch.float16", "F16", 2},
                                   ElementType{"torch.BFloat16Storage", "torch.bfloat16", "BF16", 2},
                                   ElementType{"torch.LongStorage", "torch.int64", "I64", 8},
                                   ElementType{"torch.IntStorage", "torch.int32", "I32", 4},
                                   ElementType{"torch.ShortStorage", "torch.int16", "I16", 2},
                                   ElementType{"torch.CharStorage", "torch.int8", "I8", 1},
                                   ElementType{"torch.ByteStorage", "torch.uint8", "U8", 1},
                                   ElementType{"torch.BoolStorage", "torch.bool", "BOOL", 1},
                                   ElementType{"torch.ComplexFloatStorage", "torch.complex64", "C64", 8},
                                   ElementType{"", "torch.uint16", "U16", 2},
                                   ElementType{"", "torch.uint32", "U32", 4},
                                   ElementType{"", "torch.uint64", "U64", 8},
                                   ElementType{"", "torch.float8_e4m3fn", "F8_E4M3", 1},
                                   ElementType{"", "torch.float8_e5m2", "F8_E5M2", 1}};

constexpr std::string_view untyped = "torch.storage.UntypedStorage";
constexpr std::string_view rebuild_v2 = "torch._utils._rebuild_tensor_v2",
                           rebuild_v3 = "torch._utils._rebuild_tensor_v3",
                           rebuild_type = "torch._tensor._rebuild_from_type_v2";
constexpr std::array parameters{std::string_view("torch._utils._rebuild_parameter"),
                                std::string_view("torch._utils._rebuild_parameter_with_state")};
constexpr std::array others{rebuild_v2,
                            rebuild_v3,
                            rebuild_type,
                            untyped,
                            std::string_view("torch.UntypedStorage"),
                            std::string_view("torch.Tensor"),
                            std::string_view("torch._tensor.Tensor"),
                            std::string_view("torch.nn.parameter.Parameter"),
                            std::string_view("torch.nn.parameter.Buffer"),
                            std::string_view("torch.Size"),
                            std::string_view("torch.device")};

constexpr size_t most_axes = 64;  // PyTorch's own limit
/// Tensors may share storages, as tied weights do. So many times the file's bytes are believed.
constexpr uint64_t most_sharing = 4, small_file = 1 << 16;

bool is_global(const PickleValue& value, std::string_view name) {
    return value.is(Kind::global) && value.text == name;
}

bool is_call_of(const PickleValue& value, std::string_view name) {
    return value.is(Kind::call) && is_global(*value.items[0], name);
}

/// A function that makes a tensor, and its arguments.
struct Rebuild {
    std::string_view function;
    std::span<const PickleValue* const> arguments;
};

/// What is left of a tensor's call when parameters and types with attributes are taken off it.
Rebuild rebuild_of(const PickleValue& value) {
    constexpr int most_levels = 4;
    const PickleValue* tensor = &value;
    for (int level = 0; level < most_levels && tensor->is(Kind::call) && tensor->items.size() > 1; ++level) {
        if (std::ranges::find(parameters, tensor->items[0]->text) == parameters.end()) break;
        tensor = tensor->items[1];
    }
    if (is_call_of(*tensor, rebuild_type) && tensor->items.size() > 3 && tensor->items[1]->is(Kind::global) &&
        tensor->items[3]->is(Kind::tuple))
        return {tensor->items[1]->text, tensor->items[3]->items};
    if (!tensor->is(Kind::call)) return {};
    return {tensor->items[0]->text, std::span(tensor->items).subspan(1)};
}

std::vector<int64_t> extents_of(const PickleValue& value) {
    const bool size = is_call_of(value, "torch.Size") && value.items.size() == 2;
    const PickleValue& list = size ? *value.items[1] : value;
    std::vector<int64_t> extents;
    if ((!list.is(Kind::tuple) && !list.is(Kind::list)) || list.items.size() > most_axes)
        throw Error("has no shape");
    for (const PickleValue* each : list.items) {
        if (!each->is(Kind::integer) || each->integer < 0) throw Error("has a shape or strides below 0");
        extents.push_back(each->integer);
    }
    return extents;
}

const ElementType& element_type(const PickleValue& storage_class, const Rebuild& rebuild) {
    constexpr size_t dtype_of_v3 = 6;
    const bool v3 = rebuild.function == rebuild_v3;
    const auto wanted = v3 ? &ElementType::name : &ElementType::storage;
    const PickleValue& name = v3 ? *rebuild.arguments[dtype_of_v3] : storage_class;
    const auto found = std::ranges::find(element_types, std::string_view(name.text), wanted);
    if (!name.is(Kind::global) || found == element_types.end()) throw Error("has an unknown type");
    return *found;
}

/// Throws unless all its elements are in the storage.
void check_place(const TorchView& view) {
    if (view.extents.size() != view.strides.size()) throw Error("has not as many strides as axes");
    int64_t count = 1, last = view.offset;
    bool absurd = view.offset < 0 || view.storage_count < 0, empty = false;
    for (size_t axis = 0; axis < view.extents.size(); ++axis) {
        const int64_t extent = view.extents[axis];
        int64_t reach = 0;
        empty |= extent == 0;
        absurd |= __builtin_mul_overflow(count, std::max<int64_t>(extent, 1), &count);
        absurd |= __builtin_mul_overflow(std::max<int64_t>(extent - 1, 0), view.strides[axis], &reach);
        absurd |= __builtin_add_overflow(last, reach, &last);
    }
    if (absurd) throw Error("has an absurd shape");
    if (!empty && last >= view.storage_count)
        throw Error(fmt::format("reaches element {} of a storage of {}", last, view.storage_count));
}

TorchView view_of(const PickleValue& value) {
    const Rebuild rebuild = rebuild_of(value);
    const auto& arguments = rebuild.arguments;
    const size_t needed = rebuild.function == rebuild_v3 ? 7 : 4;
    if (arguments.size() < needed || !arguments[0]->is(Kind::persistent)) throw Error("has no storage");
    const PickleValue& id = *arguments[0]->items[0];
    const bool storage = id.is(Kind::tuple) && id.items.size() >= 5 && id.items[0]->text == "storage" &&
                         id.items[1]->is(Kind::global) && id.items[2]->is(Kind::text) &&
                         id.items[4]->is(Kind::integer);
    if (!storage) throw Error("has no storage");
    if (!arguments[1]->is(Kind::integer)) throw Error("has no place in its storage");
    const ElementType& type = element_type(*id.items[1], rebuild);
    TorchView view{.dtype = std::string(type.dtype),
                   .key = id.items[2]->text,
                   .storage_count = id.items[4]->integer,
                   .offset = arguments[1]->integer,
                   .extents = extents_of(*arguments[2]),
                   .strides = extents_of(*arguments[3])};
    // Untyped storages count bytes.
    if (id.items[1]->text.ends_with("UntypedStorage")) view.storage_count /= type.size;
    check_place(view);
    return view;
}

int64_t size_of_element(const TorchView& view) {
    return std::ranges::find(element_types, std::string_view(view.dtype), &ElementType::dtype)->size;
}

bool is_contiguous(const TorchView& view) {
    int64_t stride = 1;
    for (size_t axis = view.extents.size(); axis-- > 0; stride *= view.extents[axis]) {
        if (view.extents[axis] != 1 && view.strides[axis] != stride) return false;
    }
    return true;
}

/// The elements in C order, from wherever they lie.
void gather(const TorchView& view, std::string_view storage, int64_t element, std::string& bytes) {
    std::vector<int64_t> index(view.extents.size(), 0);
    const auto size = static_cast<size_t>(element);
    int64_t place = view.offset;
    for (size_t at = 0; at < bytes.size(); at += size) {
        std::memcpy(bytes.data() + at, storage.data() + place * element, size);
        for (size_t axis = view.extents.size(); axis-- > 0;) {
            place += view.strides[axis];
            if (++index[axis] < view.extents[axis]) break;
            place -= view.extents[axis] * view.strides[axis];
            index[axis] = 0;
        }
    }
}

}  // namespace

bool is_torch_global(std::string_view global) {
    const auto is_element = [&](const ElementType& type) {
        return type.storage == global || type.name == global;
    };
    return std::ranges::any_of(element_types, is_element) ||
           std::ranges::find(others, global) != others.end() ||
           std::ranges::find(parameters, global) != parameters.end();
}

bool is_torch_tensor(const PickleValue& value) {
    const std::string_view function = rebuild_of(value).function;
    return function == rebuild_v2 || function == rebuild_v3;
}

TorchView torch_view(const PickleValue& value, const std::string& name) {
    try {
        return view_of(value);
    } catch (const Error& error) {
        throw Error(fmt::format("has a tensor {} that {}", escape(name), error.what()));
    }
}

TorchStorages::TorchStorages(const ZipArchive& archive, std::string folder, uint64_t file_bytes)
    : archive_(archive), folder_(std::move(folder)), left_(most_sharing * file_bytes + small_file) {}

const std::string& TorchStorages::bytes_of(const TorchView& view, uint64_t size, const std::string& name) {
    const std::string entry = fmt::format("{}data/{}", folder_, view.key);
    if (!archive_.has(entry))
        throw Error(fmt::format("has no entry {} for the tensor {}", escape(entry), escape(name)));
    if (archive_.size(entry) != size)
        throw Error(fmt::format("has an entry {} of {} bytes, where the tensor {} needs {}", escape(entry),
                                archive_.size(entry), escape(name), size));
    auto read = read_.find(view.key);
    if (read == read_.end()) read = read_.emplace(view.key, archive_.read(entry)).first;
    return read->second;
}

SafeTensor TorchStorages::tensor(const std::string& name, const TorchView& view) {
    SafeTensor tensor{name, view.dtype, Shape(view.extents), {}};
    const bool empty = std::ranges::find(view.extents, 0) != view.extents.end();
    if (empty) return tensor;
    const int64_t element = size_of_element(view);
    int64_t bytes = 0, storage_bytes = 0;
    const bool absurd = __builtin_mul_overflow(tensor.shape.count(), element, &bytes) ||
                        __builtin_mul_overflow(view.storage_count, element, &storage_bytes);
    if (absurd) throw Error(fmt::format("has a tensor {} that has an absurd shape", escape(name)));
    if (static_cast<uint64_t>(bytes) > left_)
        throw Error(fmt::format("has tensors that would take more than {} times the bytes of the file ({})",
                                most_sharing, escape(name)));
    left_ -= static_cast<uint64_t>(bytes);
    const std::string& storage = bytes_of(view, static_cast<uint64_t>(storage_bytes), name);
    if (is_contiguous(view)) {
        tensor.bytes = storage.substr(static_cast<size_t>(view.offset * element), static_cast<size_t>(bytes));
        return tensor;
    }
    tensor.bytes.resize(static_cast<size_t>(bytes));
    gather(view, storage, element, tensor.bytes);
    return tensor;
}

}  // namespace vitrine
