// From rows to labelled images: see labelled_rows.h.

#include "data/tables/labelled_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "data/class_order.h"
#include "data/folder_words.h"
#include "engine/error.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

/// "'a.jpg' (line 2), 'b.jpg' (line 7), 'c.jpg' (line 9) and 4 more"
class Examples {
  public:
    void add(const std::string& what, int64_t line) {
        if (++count_ > listed) return;
        text_ += fmt::format("{}{} (line {})", text_.empty() ? "" : ", ", what, line);
    }
    int64_t count() const { return count_; }
    std::string text() const {
        return count_ <= listed ? text_ : text_ + fmt::format(" and {} more", count_ - listed);
    }

  private:
    static constexpr int64_t listed = 3;
    int64_t count_ = 0;
    std::string text_;
};

std::string rows_of(const Examples& examples, const Table& table) {
    return fmt::format("{} of the table {}", counted(examples.count(), "row"), in_quotes(table.file));
}

/// The rows of one table, and what is wrong with them.
class RowReader {
  public:
    RowReader(const fs::path& root, const PartTable& from, const FileListing& listing,
              const ImageIndex& index)
        : root_(root), from_(from), listing_(listing), index_(index) {}

    std::vector<LabelledImage> read() {
        std::vector<LabelledImage> images;
        const std::vector<TableRow>& rows = from_.table.rows;
        for (size_t i = 0; i < rows.size(); ++i) {
            if (std::optional<LabelledImage> image = read(rows[i])) {
                image->row = i;
                images.push_back(std::move(*image));
            }
        }
        refuse_what_is_wrong();
        return images;
    }

  private:
    std::optional<LabelledImage> read(const TableRow& row) {
        std::optional<SplitPart> part = from_.folder;
        if (from_.columns.part) {
            const std::string& cell = row.cells[*from_.columns.part];
            part = part_of_cell(cell, from_.table.header[*from_.columns.part]);
            if (!part) partless_.add(in_quotes(cell), row.line);
        }
        const std::string& name = row.cells[from_.columns.image];
        const NamedImage named = find(name, part, row.line);
        const std::string label = from_.columns.label ? row.cells[*from_.columns.label] : "";
        if (from_.columns.label && label.empty()) unlabelled_.add(in_quotes(name), row.line);
        if (named.how != NamedImage::How::found) return std::nullopt;
        LabelledImage image{.image = named.image, .label = label, .part = from_.part, .line = row.line};
        if (from_.columns.part && part) image.part = *part;
        return image;
    }

    NamedImage find(const std::string& name, std::optional<SplitPart> part, int64_t line) {
        const NamedImage named = index_.find(name, part);
        switch (named.how) {
            case NamedImage::How::found:
            case NamedImage::How::left_out:
                break;
            case NamedImage::How::missing:
                missing_.add(in_quotes(name), line);
                break;
            case NamedImage::How::outside:
                (name.empty() ? nameless_ : outside_).add(in_quotes(name), line);
                break;
            case NamedImage::How::ambiguous:
                if (ambiguous_.count() == 0)
                    places_ = fmt::format("{} and {}", in_quotes(listing_.images[named.image].path),
                                          in_quotes(listing_.images[named.other].path));
                ambiguous_.add(in_quotes(name), line);
                break;
        }
        return named;
    }

    void refuse_what_is_wrong() const {
        const Table& table = from_.table;
        if (nameless_.count() > 0)
            throw Error(fmt::format("{} {} no image in the column {}: {}", rows_of(nameless_, table),
                                    nameless_.count() == 1 ? "names" : "name",
                                    in_quotes(table.header[from_.columns.image]), nameless_.text()));
        if (outside_.count() > 0)
            throw Error(fmt::format("{} {} files outside of {}, where nothing is read: {}",
                                    rows_of(outside_, table), outside_.count() == 1 ? "names" : "name",
                                    in_quotes(root_), outside_.text()));
        if (missing_.count() > 0)
            throw Error(fmt::format("{} {} images that are not in {}: {}", rows_of(missing_, table),
                                    missing_.count() == 1 ? "names" : "name", in_quotes(root_),
                                    missing_.text()));
        if (ambiguous_.count() > 0)
            throw Error(fmt::format("{} {} images that are in several folders, the first in {}: {}",
                                    rows_of(ambiguous_, table), ambiguous_.count() == 1 ? "names" : "name",
                                    places_, ambiguous_.text()));
        if (unlabelled_.count() > 0)
            throw Error(fmt::format("{} {} no class in the column {}: {}", rows_of(unlabelled_, table),
                                    unlabelled_.count() == 1 ? "has" : "have",
                                    in_quotes(table.header[*from_.columns.label]), unlabelled_.text()));
        if (partless_.count() > 0)
            throw Error(fmt::format("{} {} in the column {} what is no part such as train, val or test: {}",
                                    rows_of(partless_, table), partless_.count() == 1 ? "has" : "have",
                                    in_quotes(table.header[*from_.columns.part]), partless_.text()));
    }

    const fs::path& root_;
    const PartTable& from_;
    const FileListing& listing_;
    const ImageIndex& index_;
    Examples nameless_, outside_, missing_, ambiguous_, unlabelled_, partless_;
    std::string places_;  // of the first ambiguous one
};

/// Keeps the first row of each image; the others must say the same.
void keep_first_rows(LabelledRows& rows, const std::vector<PartTable>& tables, const FileListing& listing) {
    std::ranges::stable_sort(rows.images, {}, &LabelledImage::image);
    Examples classes, parts;
    std::string two_classes, two_parts;
    int64_t repeated = 0;
    const auto place = [&](const LabelledImage& row) {
        return fmt::format("line {} of {}", row.line, in_quotes(tables[row.table].table.file.filename()));
    };
    std::vector<LabelledImage> kept;
    for (LabelledImage& row : rows.images) {
        if (kept.empty() || kept.back().image != row.image) {
            kept.push_back(std::move(row));
            continue;
        }
        const LabelledImage& first = kept.back();
        const std::string name = in_quotes(listing.images[row.image].path);
        if (first.label != row.label) {
            if (classes.count() == 0)
                two_classes = fmt::format("{} in {} and {} in {}", in_quotes(first.label), place(first),
                                          in_quotes(row.label), place(row));
            classes.add(name, row.line);
        } else if (first.part != row.part) {
            if (parts.count() == 0)
                two_parts = fmt::format("{} by {} and {} by {}", name_of(first.part), place(first),
                                        name_of(row.part), place(row));
            parts.add(name, row.line);
        } else {
            ++repeated;
        }
    }
    if (classes.count() > 0)
        throw Error(
            fmt::format("{} two classes, the first {}: {}",
                        classes.count() == 1 ? "1 image has" : counted(classes.count(), "image") + " have",
                        two_classes, classes.text()));
    if (parts.count() > 0)
        throw Error(fmt::format("{} in two parts of the data set, the first {}: {}",
                                parts.count() == 1 ? "1 image is" : counted(parts.count(), "image") + " are",
                                two_parts, parts.text()));
    if (repeated > 0)
        rows.notices.push_back(
            fmt::format("{} an image that has one already, with the same class",
                        repeated == 1 ? "1 row names" : counted(repeated, "row") + " name"));
    rows.images = std::move(kept);
}

}  // namespace

LabelledRows label_images(const fs::path& root, const std::vector<PartTable>& tables,
                          const FileListing& listing, const ImageIndex& index) {
    LabelledRows rows;
    for (size_t i = 0; i < tables.size(); ++i) {
        for (LabelledImage& image : images_of_rows(root, tables[i], listing, index)) {
            image.table = i;
            rows.images.push_back(std::move(image));
        }
    }
    keep_first_rows(rows, tables, listing);
    return rows;
}

std::vector<LabelledImage> images_of_rows(const fs::path& root, const PartTable& table,
                                          const FileListing& listing, const ImageIndex& index) {
    return RowReader(root, table, listing, index).read();
}

bool names_an_image(const PartTable& table, const ImageIndex& index) {
    return std::ranges::any_of(table.table.rows, [&](const TableRow& row) {
        const NamedImage::How how = index.find(row.cells[table.columns.image], table.folder).how;
        return how == NamedImage::How::found || how == NamedImage::How::ambiguous;
    });
}

std::vector<std::string> class_names_of(const std::vector<LabelledImage>& images,
                                        const std::vector<PartTable>& tables) {
    std::set<std::string> names;
    for (const LabelledImage& image : images) {
        if (image.part == SplitPart::train) names.insert(image.label);
    }
    Examples unknown;
    const LabelledImage* first = nullptr;
    for (const LabelledImage& image : images) {
        if (image.part != SplitPart::validation || names.contains(image.label)) continue;
        if (first == nullptr) first = &image;
        unknown.add(in_quotes(image.label), image.line);
    }
    if (first != nullptr)
        throw Error(fmt::format("{} of {} {} a class that no training image has: {}",
                                counted(unknown.count(), "validation image"),
                                in_quotes(tables[first->table].table.file),
                                unknown.count() == 1 ? "has" : "have", unknown.text()));
    return in_class_order(names);
}

}  // namespace vitrine
