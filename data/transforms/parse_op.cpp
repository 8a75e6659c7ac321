// Transforms from TOML: see parse_op.h. One function an op, and the list of their names.

#include "data/transforms/parse_op.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "engine/error.h"

namespace vitrine {
namespace {

using transforms::Range;
using Made = std::shared_ptr<const Transform>;

constexpr Limits angles{-360.0, 360.0};

/// Where a value of several forms has none of them.
[[noreturn]] void refuse(const TableReader& reader, const toml::node& node, std::string_view key,
                         std::string_view allowed) {
    reader.fail_at(node, fmt::format("{} of {} must be {}", key, reader.what(), allowed));
}

Fill fill_of(TableReader& reader) {
    Fill fill{};
    const toml::node* node = reader.node("fill");
    if (node == nullptr) return fill;
    if (!node->is_array()) {
        const std::string allowed = "a whole number from 0 to 255, or three of them in brackets";
        if (!node->is_integer()) refuse(reader, *node, "fill", allowed);
        fill.fill(static_cast<uint8_t>(*reader.whole("fill", 0, 255)));
        return fill;
    }
    const std::vector<double> values = *reader.numbers("fill", 3, {0, 255});
    for (size_t c = 0; c < 3; ++c) fill[c] = static_cast<uint8_t>(values[c]);
    return fill;
}

/// A number d for −d … d, or a pair.
std::optional<Range> spread(TableReader& reader, std::string_view key, Limits limits) {
    const toml::node* node = reader.node(key);
    if (node == nullptr) return std::nullopt;
    if (node->is_array()) return range_in(reader, key, limits);
    if (!node->is_number())
        refuse(reader, *node, key,
               fmt::format("a number from 0 to {}, or [smallest, largest] from {} to {}", limits.high,
                           limits.low, limits.high));
    const double value = *reader.number(key, {0.0, limits.high});
    return Range{-value, value};
}

/// torchvision's way to give a factor: b for max(0, 1 − b) … 1 + b, or a pair.
std::optional<Range> around_one(TableReader& reader, std::string_view key) {
    const toml::node* node = reader.node(key);
    if (node == nullptr) return std::nullopt;
    if (node->is_array()) return range_in(reader, key, {0.0, unlimited});
    if (!node->is_number()) refuse(reader, *node, key, "a number from 0, or [smallest, largest] from 0");
    const double value = *reader.number(key, {0.0, unlimited});
    return Range{std::max(0.0, 1.0 - value), 1.0 + value};
}

/// An op whose only parameter is its probability.
template <class Op>
Made with_probability(TableReader& reader) {
    auto op = std::make_shared<Op>();
    op->p = reader.number("p", share, op->p);
    return op;
}

Made random_rotation(TableReader& reader) {
    auto op = std::make_shared<transforms::RandomRotation>();
    op->degrees = reader.required("degrees", spread(reader, "degrees", angles));
    op->fill = fill_of(reader);
    return op;
}

Made random_affine(TableReader& reader) {
    auto op = std::make_shared<transforms::RandomAffine>();
    op->degrees = reader.required("degrees", spread(reader, "degrees", angles));
    if (const auto shares = reader.numbers("translate", 2, share))
        op->translate = std::array{(*shares)[0], (*shares)[1]};
    op->scale = range_in(reader, "scale", {0.05, 20.0});
    const Limits slant{-89.0, 89.0};
    const toml::node* shear = reader.node("shear");
    if (shear != nullptr && !shear->is_number() && !shear->is_array())
        refuse(reader, *shear, "shear",
               "a number from 0 to 89, [smallest, largest] from -89 to 89, or four such numbers for x and y");
    if (shear != nullptr && shear->is_array() && shear->as_array()->size() == 4) {
        const std::vector<double> values = *reader.numbers("shear", 4, slant);
        op->shear_x = Range{values[0], values[1]};
        op->shear_y = Range{values[2], values[3]};
    } else {
        op->shear_x = spread(reader, "shear", slant);
    }
    op->fill = fill_of(reader);
    return op;
}

Made random_crop(TableReader& reader) {
    auto op = std::make_shared<transforms::RandomCrop>();
    op->size = reader.required("size", reader.whole("size", 1, largest_side));
    op->padding = reader.whole("padding", 0, largest_side, op->padding);
    op->fill = fill_of(reader);
    return op;
}

Made random_resized_crop(TableReader& reader) {
    auto op = std::make_shared<transforms::RandomResizedCrop>();
    op->size = reader.required("size", reader.whole("size", 1, largest_side));
    op->scale = range_in(reader, "scale", {1e-6, 1.0}).value_or(op->scale);
    op->ratio = range_in(reader, "ratio", {1e-3, 1e3}).value_or(op->ratio);
    return op;
}

template <class Op>
Made with_size(TableReader& reader) {
    auto op = std::make_shared<Op>();
    op->size = reader.required("size", reader.whole("size", 1, largest_side));
    return op;
}

Made color_jitter(TableReader& reader) {
    auto op = std::make_shared<transforms::ColorJitter>();
    op->brightness = around_one(reader, "brightness");
    op->contrast = around_one(reader, "contrast");
    op->saturation = around_one(reader, "saturation");
    op->hue = spread(reader, "hue", {-0.5, 0.5});
    return op;
}

Made random_posterize(TableReader& reader) {
    auto op = std::make_shared<transforms::RandomPosterize>();
    op->bits = reader.required("bits", reader.whole("bits", 1, 8));
    op->p = reader.number("p", share, op->p);
    return op;
}

Made random_solarize(TableReader& reader) {
    auto op = std::make_shared<transforms::RandomSolarize>();
    op->threshold = reader.required("threshold", reader.number("threshold", {0.0, 256.0}));
    op->p = reader.number("p", share, op->p);
    return op;
}

Made random_adjust_sharpness(TableReader& reader) {
    auto op = std::make_shared<transforms::RandomAdjustSharpness>();
    op->factor = reader.required("factor", reader.number("factor", {0.0, unlimited}));
    op->p = reader.number("p", share, op->p);
    return op;
}

Made rand_augment(TableReader& reader) {
    auto op = std::make_shared<transforms::RandAugment>();
    op->num_ops = reader.whole("num_ops", 0, 100, op->num_ops);
    op->bins = reader.whole("bins", 2, 1000, op->bins);
    op->magnitude = reader.whole("magnitude", 0, op->bins - 1, op->magnitude);
    op->fill = fill_of(reader);
    return op;
}

Made trivial_augment_wide(TableReader& reader) {
    auto op = std::make_shared<transforms::TrivialAugmentWide>();
    op->bins = reader.whole("bins", 2, 1000, op->bins);
    op->fill = fill_of(reader);
    return op;
}

TransformList children(TableReader& reader) {
    const toml::node* of = reader.node("of");
    if (of == nullptr)
        reader.fail_at(reader.table(),
                       fmt::format("{} needs of = [ … ], at least one transform", reader.what()));
    if (!of->is_array() || of->as_array()->empty())
        refuse(reader, *of, "of", "a list of at least one transform in brackets");
    return parse_transform_list(*of, reader.source());
}

Made compose(TableReader& reader) {
    auto op = std::make_shared<transforms::Compose>();
    op->of = children(reader);
    return op;
}

Made random_apply(TableReader& reader) {
    auto op = std::make_shared<transforms::RandomApply>();
    op->of = children(reader);
    op->p = reader.number("p", share, op->p);
    return op;
}

Made random_choice(TableReader& reader) {
    auto op = std::make_shared<transforms::RandomChoice>();
    op->of = children(reader);
    const toml::node* p = reader.node("p");
    if (p == nullptr) return op;
    const size_t given = p->is_array() ? p->as_array()->size() : 0;
    if (given != op->of.size())
        refuse(
            reader, *p, "p",
            fmt::format("a number from 0 for each of its transforms, of which there are {}", op->of.size()));
    op->p = *reader.numbers("p", given, {0.0, unlimited});
    double sum = 0.0;
    for (const double weight : op->p) sum += weight;
    if (!(sum > 0.0)) reader.fail_at(*p, "the p of random_choice must not all be 0");
    return op;
}

using Parser = Made (*)(TableReader&);

const std::map<std::string, Parser, std::less<>>& parsers() {
    static const std::map<std::string, Parser, std::less<>> all{
        {"center_crop", with_size<transforms::CenterCrop>},
        {"color_jitter", color_jitter},
        {"compose", compose},
        {"rand_augment", rand_augment},
        {"random_adjust_sharpness", random_adjust_sharpness},
        {"random_affine", random_affine},
        {"random_apply", random_apply},
        {"random_autocontrast", with_probability<transforms::RandomAutocontrast>},
        {"random_choice", random_choice},
        {"random_crop", random_crop},
        {"random_equalize", with_probability<transforms::RandomEqualize>},
        {"random_grayscale", with_probability<transforms::RandomGrayscale>},
        {"random_horizontal_flip", with_probability<transforms::RandomHorizontalFlip>},
        {"random_posterize", random_posterize},
        {"random_resized_crop", random_resized_crop},
        {"random_rotation", random_rotation},
        {"random_solarize", random_solarize},
        {"random_vertical_flip", with_probability<transforms::RandomVerticalFlip>},
        {"resize", with_size<transforms::Resize>},
        {"trivial_augment_wide", trivial_augment_wide},
    };
    return all;
}

std::vector<std::string> op_names() {
    std::vector<std::string> names;
    for (const auto& [name, parser] : parsers()) names.push_back(name);
    return names;
}

[[noreturn]] void fail(const toml::node& node, const std::string& source, const std::string& sentence) {
    throw Error(fmt::format("{}:{}: {}", source, node.source().begin.line, sentence));
}

Made parse_table(const toml::table& table, const std::string& source) {
    const std::optional<std::string> name = table["op"].value<std::string>();
    if (!name) fail(table, source, "a transform needs op = \"name\", for example { op = \"rand_augment\" }");
    const auto parser = parsers().find(*name);
    if (parser == parsers().end()) {
        const std::string near = nearest_name(*name, op_names());
        fail(table, source,
             fmt::format("there is no transform '{}'{}; there are {}", *name,
                         near.empty() ? "" : fmt::format(" (did you mean {}?)", near),
                         fmt::join(op_names(), ", ")));
    }
    TableReader reader(table, source, *name);
    reader.node("op");
    Made made = parser->second(reader);
    reader.finish();
    return made;
}

}  // namespace

std::optional<Range> range_in(TableReader& reader, std::string_view key, Limits limits) {
    const std::optional<Limits> read = reader.range(key, limits);
    if (!read) return std::nullopt;
    return Range{read->low, read->high};
}

std::shared_ptr<const Transform> parse_transform(const toml::node& node, const std::string& source) {
    if (const toml::table* table = node.as_table()) return parse_table(*table, source);
    if (!node.is_array())
        fail(node, source, "a transform is a table { op = \"name\", … }, or a list of them in brackets");
    auto list = std::make_shared<transforms::Compose>();
    list->of = parse_transform_list(node, source);
    return list;
}

TransformList parse_transform_list(const toml::node& node, const std::string& source) {
    const toml::array* array = node.as_array();
    if (array == nullptr) fail(node, source, "a list of transforms in brackets is needed here");
    TransformList list;
    for (const toml::node& each : *array) list.push_back(parse_transform(each, source));
    return list;
}

}  // namespace vitrine
