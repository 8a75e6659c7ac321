// The file that torch.load reads: see torch_file.h.
//
//     archive/data.pkl     the object; each tensor names its storage
//     archive/byteorder    "little"
//     archive/data/0 …     the storages
//     archive/version      "3"

#include "tools/export/torch_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "tools/export/pickle_writer.h"
#include "tools/export/zip_writer.h"

namespace vitrine::exporting {
namespace {

struct StorageType {
    const char* dtype;
    const char* name;  // of the class in torch
};

constexpr std::array storage_types{StorageType{"F32", "FloatStorage"}, StorageType{"F64", "DoubleStorage"},
                                   StorageType{"I64", "LongStorage"}};

const char* storage_of(const SafeTensor& tensor) {
    const auto type =
        std::ranges::find_if(storage_types, [&](const auto& known) { return tensor.dtype == known.dtype; });
    if (type == storage_types.end()) throw std::logic_error("torch_file: a tensor of " + tensor.dtype);
    return type->name;
}

/// Of a contiguous tensor.
std::vector<int64_t> strides_of(const std::vector<int64_t>& extents) {
    std::vector<int64_t> strides(extents.size(), 1);
    for (size_t axis = extents.size(); axis-- > 1;)
        strides[axis - 1] = strides[axis] * std::max<int64_t>(extents[axis], 1);
    return strides;
}

/// Writes the pickle, and collects the storages in the order of their numbers.
class ObjectWriter {
  public:
    void write(const TorchValue& object) {
        std::visit([&](const auto& value) { write(value); }, object.value);
    }
    std::string pickle() { return pickle_.finish(); }
    const std::vector<const SafeTensor*>& storages() const { return storages_; }

  private:
    void write(std::monostate) { pickle_.none(); }
    void write(bool value) { pickle_.boolean(value); }
    void write(int64_t value) { pickle_.integer(value); }
    void write(double value) { pickle_.real(value); }
    void write(const std::string& value) { pickle_.text(value); }

    void write(const TorchList& list) {
        pickle_.empty_list();
        pickle_.mark();
        for (const TorchValue& value : list.values) write(value);
        pickle_.appends();
    }

    void write(const TorchDict& dict) {
        if (dict.ordered)
            empty_ordered_dict();
        else
            pickle_.empty_dict();
        pickle_.mark();
        for (const auto& [key, value] : dict.items) {
            write(key);
            write(value);
        }
        pickle_.set_items();
    }

    void empty_ordered_dict() {
        pickle_.global("collections", "OrderedDict");
        pickle_.empty_tuple();
        pickle_.reduce();
    }

    void write(const std::vector<int64_t>& numbers) {
        pickle_.mark();
        for (const int64_t number : numbers) pickle_.integer(number);
        pickle_.tuple();
    }

    /// _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)
    void write(const SafeTensor& tensor) {
        pickle_.global("torch._utils", "_rebuild_tensor_v2");
        pickle_.mark();
        write_storage(tensor);
        pickle_.integer(0);
        write(tensor.shape.extents());
        write(strides_of(tensor.shape.extents()));
        pickle_.boolean(false);
        empty_ordered_dict();
        pickle_.tuple();
        pickle_.reduce();
    }

    /// ("storage", its class, its number, its device, its elements)
    void write_storage(const SafeTensor& tensor) {
        pickle_.mark();
        pickle_.text("storage");
        pickle_.global("torch", storage_of(tensor));
        pickle_.text(std::to_string(storages_.size()));
        pickle_.text("cpu");
        pickle_.integer(tensor.shape.count());
        pickle_.tuple();
        pickle_.persistent();
        storages_.push_back(&tensor);
    }

    PickleWriter pickle_;
    std::vector<const SafeTensor*> storages_;
};

}  // namespace

TorchDict state_dict(std::vector<SafeTensor> tensors) {
    TorchDict dict{.items = {}, .ordered = true};
    for (SafeTensor& tensor : tensors) {
        std::string name = tensor.name;
        dict.items.push_back({TorchValue{std::move(name)}, TorchValue{std::move(tensor)}});
    }
    return dict;
}

std::string torch_file(const TorchValue& object) {
    ObjectWriter writer;
    writer.write(object);
    const std::string pickle = writer.pickle();
    std::vector<ZipEntry> entries{{"archive/data.pkl", pickle}, {"archive/byteorder", "little"}};
    for (size_t i = 0; i < writer.storages().size(); ++i)
        entries.push_back({fmt::format("archive/data/{}", i), writer.storages()[i]->bytes});
    entries.push_back({"archive/version", "3\n"});
    return stored_zip(entries, 64);  // as torch.save aligns them
}

}  // namespace vitrine::exporting
