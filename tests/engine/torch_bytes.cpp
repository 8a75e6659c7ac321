// Files of torch.save made by hand: see torch_bytes.h.

#include "tests/engine/torch_bytes.h"

#include <boost/crc.hpp>

namespace vitrine::tests {
namespace {

void put(std::string& bytes, uint64_t number, int count) {
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(number >> (8 * i));
}

/// What the header before an entry and the one in the directory have in common.
std::string common_header(const ZipEntry& entry) {
    boost::crc_32_type crc;
    crc.process_bytes(entry.bytes.data(), entry.bytes.size());
    const uint64_t size = entry.claimed != 0 ? entry.claimed : entry.bytes.size();
    std::string header;
    put(header, 20, 2);  // version
    put(header, 0, 2);   // flags
    put(header, entry.method, 2);
    put(header, 0, 4);  // time and date
    put(header, crc.checksum() ^ entry.flip_crc, 4);
    put(header, entry.method == 0 ? size : entry.bytes.size(), 4);  // compressed
    put(header, size, 4);
    put(header, entry.name.size(), 2);
    put(header, 0, 2);  // extra field
    return header;
}

}  // namespace

std::string zip_of(const std::vector<ZipEntry>& entries) {
    std::string bytes, directory;
    for (const ZipEntry& entry : entries) {
        directory += "PK\x01\x02";
        put(directory, 20, 2);
        directory += common_header(entry);
        directory += std::string(10, '\0');  // comment, disk, attributes
        put(directory, bytes.size(), 4);
        directory += entry.name;
        bytes += "PK\x03\x04" + common_header(entry) + entry.name + entry.bytes;
    }
    std::string end = "PK\x05\x06";
    put(end, 0, 4);
    put(end, entries.size(), 2);
    put(end, entries.size(), 2);
    put(end, directory.size(), 4);
    put(end, bytes.size(), 4);
    put(end, 0, 2);
    return bytes + directory + end;
}

std::string pickle_text(const std::string& text) {
    std::string bytes = "X";
    put(bytes, text.size(), 4);
    return bytes + text;
}

std::string pickle_whole(int64_t number) {
    std::string bytes = "\x8a\x08";
    put(bytes, static_cast<uint64_t>(number), 8);
    return bytes;
}

std::string pickle_tuple(const std::vector<int64_t>& numbers) {
    std::string bytes = "(";
    for (const int64_t number : numbers) bytes += pickle_whole(number);
    return bytes + "t";
}

std::string pickle_global(const std::string& module, const std::string& name) {
    return "c" + module + "\n" + name + "\n";
}

std::string pickle_tensor(int64_t storage_count, int64_t offset, const std::vector<int64_t>& shape,
                          const std::vector<int64_t>& strides) {
    const std::string storage = "(" + pickle_text("storage") + pickle_global("torch", "FloatStorage") +
                                pickle_text("0") + pickle_text("cpu") + pickle_whole(storage_count) + "tQ";
    return pickle_global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + pickle_whole(offset) +
           pickle_tuple(shape) + pickle_tuple(strides) + "\x89" + "}tR";
}

std::string pickle_dict(const std::string& items) { return "\x80\x02}(" + items + "u."; }

std::string torch_file_of(const std::string& pickle, const std::string& storage) {
    return zip_of({{"archive/data.pkl", pickle}, {"archive/data/0", storage}, {"archive/version", "3\n"}});
}

}  // namespace vitrine::tests
