// The [transforms] table of a recipe: see pipeline.h.
//
//     [transforms]
//     resize = 224
//     augment = [ { op = "random_horizontal_flip" }, … ]         on 8-bit pixels, in this order
//     noise = { op = "poisson_noise", rate = 5 }
//     normalize = { mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }
//     erasing = [ { op = "random_erasing", p = 0.25 } ]           on normalised values
//     batch = { mixup = 0.2, cutmix = 1.0 }                       on whole batches
//     validation = { resize = 256, center_crop = 224 }            nothing random here

#include <fmt/format.h>

#include "data/transforms/parse_op.h"
#include "data/transforms/parse_pipeline.h"
#include "data/transforms/pipeline.h"
#include "engine/error.h"

namespace vitrine {
namespace {

const toml::table& table_at(TableReader& reader, const toml::node& node, std::string_view key) {
    if (const toml::table* table = node.as_table()) return *table;
    reader.fail_at(node, fmt::format("{} of {} must be a table", key, reader.what()));
}

ChannelNormalization parse_normalize(const toml::table& table, const std::string& source) {
    TableReader reader(table, source, "normalize");
    ChannelNormalization normalize;
    const auto mean =
        reader.required("mean", reader.numbers("mean", 3, {-largest_statistic, largest_statistic}));
    const auto deviation =
        reader.required("std", reader.numbers("std", 3, {smallest_stddev, largest_statistic}));
    reader.finish();
    std::copy(mean.begin(), mean.end(), normalize.mean.begin());
    std::copy(deviation.begin(), deviation.end(), normalize.stddev.begin());
    return normalize;
}

void require_op(TableReader& reader, std::string_view name) {
    const toml::node* op = reader.node("op");
    if (op == nullptr) return;
    if (op->value<std::string_view>() != name)
        reader.fail_at(*op, fmt::format("only {} is allowed here", name));
}

PoissonNoise parse_noise(const toml::table& table, const std::string& source) {
    TableReader reader(table, source, "poisson_noise");
    require_op(reader, "poisson_noise");
    PoissonNoise noise;
    noise.rate = reader.number("rate", {1e-6, 1000.0}, noise.rate);
    noise.after_normalize = reader.flag("after_normalize").value_or(noise.after_normalize);
    noise.clip = reader.flag("clip").value_or(noise.clip);
    reader.finish();
    return noise;
}

RandomErasing parse_erasing(const toml::table& table, const std::string& source) {
    TableReader reader(table, source, "random_erasing");
    require_op(reader, "random_erasing");
    RandomErasing erasing;
    erasing.p = reader.number("p", share, erasing.p);
    erasing.scale = range_in(reader, "scale", {1e-6, 1.0}).value_or(erasing.scale);
    erasing.ratio = range_in(reader, "ratio", {1e-3, 1e3}).value_or(erasing.ratio);
    const toml::node* value = reader.node("value");
    if (value != nullptr && !value->is_number() && !value->is_array()) {
        if (value->value<std::string_view>() != "random")
            reader.fail_at(*value, "value of random_erasing must be a number, three numbers or \"random\"");
        erasing.noise = true;
    } else if (value != nullptr && value->is_array()) {
        const auto values = *reader.numbers("value", 3, {-unlimited, unlimited});
        std::copy(values.begin(), values.end(), erasing.value.begin());
    } else {
        erasing.value.fill(reader.number("value", {-unlimited, unlimited}, 0.0));
    }
    reader.finish();
    return erasing;
}

std::vector<RandomErasing> parse_erasings(TableReader& reader, const toml::node& node) {
    std::vector<RandomErasing> all;
    const toml::array* array = node.as_array();
    if (array == nullptr) return {parse_erasing(table_at(reader, node, "erasing"), reader.source())};
    for (const toml::node& each : *array)
        all.push_back(parse_erasing(table_at(reader, each, "erasing"), reader.source()));
    return all;
}

BatchMix parse_batch(const toml::table& table, const std::string& source) {
    TableReader reader(table, source, "batch");
    BatchMix mix;
    mix.mixup_alpha = reader.number("mixup", {1e-3, 1000.0});
    mix.cutmix_alpha = reader.number("cutmix", {1e-3, 1000.0});
    reader.finish();
    return mix;
}

/// The mistake that this type is made against, explained to whoever makes it.
[[noreturn]] void refuse_random_validation(TableReader& reader, const toml::node& node,
                                           std::string_view key) {
    reader.fail_at(node,
                   fmt::format("{} is not allowed in validation: images that are changed at random measure "
                               "something else than the model, and a curve of it misleads; only resize, "
                               "center_crop and normalize are allowed there",
                               key));
}

void parse_validation(const toml::table& table, const std::string& source, EvalTransform& evaluation) {
    TableReader reader(table, source, "validation");
    for (const char* key : {"augment", "noise", "erasing", "batch"}) {
        if (const toml::node* node = table.get(key)) refuse_random_validation(reader, *node, key);
    }
    evaluation.resize = reader.whole("resize", 1, largest_side, evaluation.resize);
    evaluation.center_crop = reader.whole("center_crop", 1, largest_side, evaluation.center_crop);
    if (const toml::node* node = reader.node("normalize"))
        evaluation.normalize = parse_normalize(table_at(reader, *node, "normalize"), source);
    reader.finish();
}

}  // namespace

Transforms parse_transforms(const toml::table& table, const std::string& source) {
    TableReader reader(table, source, "transforms");
    Transforms all;
    TrainTransform& train = all.train;
    train.resize = reader.whole("resize", 1, largest_side, 0);
    if (const toml::node* node = reader.node("augment")) train.augment = parse_transform_list(*node, source);
    if (const toml::node* node = reader.node("noise"))
        train.noise = parse_noise(table_at(reader, *node, "noise"), source);
    if (const toml::node* node = reader.node("normalize"))
        train.normalize = parse_normalize(table_at(reader, *node, "normalize"), source);
    if (const toml::node* node = reader.node("erasing")) train.erasing = parse_erasings(reader, *node);
    if (const toml::node* node = reader.node("batch"))
        train.mix = parse_batch(table_at(reader, *node, "batch"), source);
    // What is not said of validation is as in training, but for what is random.
    all.evaluation = {.resize = train.resize, .center_crop = train.resize, .normalize = train.normalize};
    if (const toml::node* node = reader.node("validation"))
        parse_validation(table_at(reader, *node, "validation"), source, all.evaluation);
    reader.finish();
    return all;
}

Transforms parse_transforms(std::string_view text, const std::string& source) {
    const toml::table recipe = parse_toml(text, source);
    const toml::node* node = recipe.get("transforms");
    if (node == nullptr) return {};
    if (const toml::table* table = node->as_table()) return parse_transforms(*table, source);
    throw Error(fmt::format("{}:{}: transforms must be a table", source, node->source().begin.line));
}

}  // namespace vitrine
