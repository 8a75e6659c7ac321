// Tables and lists of three images: the first byte says which kind of file.

#include <stdexcept>

#include "data/tables/labelled_rows.h"
#include "engine/error.h"
#include "tests/fuzz/support.h"

namespace {

using namespace vitrine;

/// Images that are there in name only: nothing is decoded.
FileListing listing() {
    FileListing found;
    for (const char* path : {"a/1.jpg", "a/2.jpg", "b/1.png"}) {
        found.images.emplace_back();
        found.images.back().path = path;
    }
    return found;
}

void read(const std::filesystem::path& file, const FileListing& found) {
    const ImageIndex index(file.parent_path(), found);
    std::vector<PartTable> tables(1);
    Table& table = tables.front().table = read_rows(file);
    find_header(table, index);
    for (const TableRow& row : table.rows) {
        if (row.cells.size() != table.header.size()) throw std::logic_error("a row of another length");
    }
    tables.front().columns = find_columns(table, index, {});
    if (!tables.front().columns.label) return;
    for (const LabelledImage& image : label_images(file.parent_path(), tables, found, index).images) {
        if (image.image >= found.images.size() || image.label.empty())
            throw std::logic_error("a row of no image or of no class");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    static const FileListing found = listing();
    static const char* const names[] = {"table/t.csv", "table/t.tsv", "table/t.txt"};
    const std::filesystem::path file = fuzz::scratch_folder() / names[data[0] % 3];
    fuzz::write_file(file, {data + 1, size - 1});
    try {
        read(file, found);
    } catch (const Error&) {
    }
    return 0;
}
