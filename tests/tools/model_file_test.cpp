// Model files that say something else than their tensors, or nothing that a model can be made of.

#include "tools/common/model_file.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "engine/checkpoint.h"
#include "engine/error.h"
#include "engine/memory.h"

namespace vitrine::tools {
namespace {

const ModelDescription small{.model = "basic_block_net",
                             .classes = {"a", "b"},
                             .image_size = 8,
                             .source = {ImageShape::square, 8},
                             .preparation = {},
                             .variant = {.width_mult = 1.0, .dropout = 0.2}};

SafeTensors file_of(const ModelDescription& description) {
    SafeTensors file = model_state(*build_model(description, {}, 0));
    file.metadata = to_metadata(description);
    return file;
}

/// As predict reads it.
std::string error_of(const SafeTensors& file) {
    try {
        const auto description = description_in(file, "file");
        build_model(*description, {}, file, "file");
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

std::string error_with(const std::string& key, const std::string& value) {
    SafeTensors file = file_of(small);
    file.metadata[key] = value;
    return error_of(file);
}

TEST_CASE("model files: a sound one is read as it was written") {
    const SafeTensors file = file_of(small);
    CHECK(error_of(file) == "");
    const ModelDescription back = *description_in(file, "file");
    CHECK(back.classes == small.classes);
    CHECK(back.preparation.normalize == small.preparation.normalize);
    CHECK_FALSE(back.exif_orientation);
}

TEST_CASE("model files: whether images are turned upright is known, but of files of before that was asked") {
    ModelDescription turned = small;
    turned.exif_orientation = true;
    SafeTensors file = file_of(turned);
    CHECK(description_in(file, "file")->exif_orientation);
    file.metadata.erase("exif_orientation");
    CHECK_FALSE(description_in(file, "file")->exif_orientation);
    for (const char* value : {"1", "\"true\"", "null", "", "yes"})
        CHECK(
            error_with("exif_orientation", value).starts_with("file: exif_orientation in its metadata is "));
}

TEST_CASE("model files: metadata of another type or out of range are refused by their key") {
    const std::vector<std::pair<std::string, std::vector<std::string>>> wrong{
        {"image_size", {"8.7", "8.0", "\"8\"", "0", "-8", "4097", "1e400", "[8]", "null", "", "16", "8 8"}},
        {"source_size", {"8.7", "0"}},
        {"resize", {"-1", "5000", "0.5", "true"}},
        {"center_crop", {"-1", "99999999999999999999", "{}"}},
        {"mean", {"[0,0]", "[0,0,0,0]", "[0,0,\"0\"]", "0", "[1e308,0,0]", "[[0],0,0]", "[null,0,0]"}},
        {"deviation",
         {"[1,1]", "[1,1,1,1]", "[1e-320,1,1]", "[0,1,1]", "[-1,1,1]", "[1e308,1,1]", "[1,1,nan]"}},
        {"width_mult", {"1e9", "-1", "\"1\"", "nan"}},
        {"dropout", {"1.5", "-0.1", "[]"}},
        {"classes",
         {"[]", "[\"a\"]", "[\"a\",\"a\"]", "[\"a\",\"b\",\"c\"]", "[1,2]", "\"ab\"", "{\"a\":\"b\"}",
          "[\"a\",[]]", std::string(100'000, '['), "[\"a\",\"b\"]x"}},
    };
    for (const auto& [key, values] : wrong) {
        for (const std::string& value : values) {
            CAPTURE(key);
            CAPTURE(value.substr(0, 50));
            const std::string error = error_with(key, value);
            CHECK(error.starts_with("file"));
            CHECK(error.find(key) != std::string::npos);
            CHECK(error.find("internal") == std::string::npos);
        }
        SafeTensors file = file_of(small);
        file.metadata.erase(key);
        CHECK(error_of(file) == fmt::format("file: its metadata have a model but no {}", key));
    }
    CHECK(error_with("model", "resnet").find("unknown model 'resnet'") != std::string::npos);
}

TEST_CASE("model files: what does not fit its tensors is refused before a model is allocated") {
    SafeTensors wide = file_of(small);
    wide.metadata["model"] = "mobilenet_v2";
    wide.metadata["width_mult"] = "10";
    CHECK(error_of(wide) == "file is not a mobilenet_v2: it has no vector classifier.1.bias");
    // With the tensors that are looked at first.
    wide.tensors.push_back(SafeTensor::f32("classifier.1.bias", {2}, std::vector{0.0, 0.0}));
    const size_t before = memory_statistics(Device::cpu).bytes_held;
    CHECK(error_of(wide) == "file has no tensor features.0.0.weight: is it another model?");
    CHECK(memory_statistics(Device::cpu).bytes_held == before);

    SafeTensors many = file_of(small);
    std::string classes = "[\"\"";
    for (int i = 1; i < 1'000'000; ++i) classes += ",\"\"";
    many.metadata["classes"] = classes + "]";
    CHECK(error_of(many) == "file: classes in its metadata has more than 3 values");

    SafeTensors large = file_of(small);
    large.metadata["image_size"] = large.metadata["source_size"] = "4096";
    CHECK(error_of(large) ==
          "file: tensor layer_5.weight has shape [2, 32], but the model needs [2, 8388608]");
    CHECK(memory_statistics(Device::cpu).bytes_held == before);
}

TEST_CASE("model files: without metadata, the last layer tells the classes") {
    SafeTensors plain = file_of(small);
    plain.metadata.clear();
    ModelDescription given = small;
    given.classes.clear();
    CHECK(description_of_plain(plain, "file", given).classes == std::vector<std::string>{"0", "1"});
    plain.tensors.back().shape = {};
    CHECK_THROWS_WITH_AS(description_of_plain(plain, "file", given),
                         "file is not a basic_block_net: it has no vector layer_5.bias", Error);
}

}  // namespace
}  // namespace vitrine::tools
